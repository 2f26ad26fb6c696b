"""The auditor's mail: the newest signed tree head once a day, so that somebody outside holds us to it."""

from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from domain.kernel import derived
from eventstore.sealing.anchors import DAILY, AnchorFailed, Proofs
from eventstore.sealing.heads import Head
from processes.letters import address
from processes.transports import Rejected, Taken, Transport

TEXT = """\
This is the checkpoint of the log of {company} as of {signed_at:%Y-%m-%d %H:%M} UTC: {size:,} entries.

Keep this mail, and the file with it. Whoever has it can prove later whether anything that was recorded until then has
been changed, removed or put in since, with bitacora audit verify or any tool that reads signed notes (c2sp.org/signed-note).

{note}"""


@dataclass(frozen=True, slots=True)
class AuditorMail:
    """Sends a head to the auditor by the transport that all mails go by."""

    to: str
    sender: str
    company: str
    transport: Transport
    every: timedelta = DAILY
    kind: str = "mail"

    @property
    def name(self) -> str:
        """The auditor's address."""
        return self.to

    def take(self, head: Head, known_size: int, proven: Proofs) -> bytes:
        """By what the mail is found again at the transport. Raises `AnchorFailed` if it was surely not taken.

        If nobody knows whether it was, it counts as sent: the next one comes a day later.
        """
        id = derived("anchor-mail", f"{head.origin} {head.size} {self.to}")
        answer = self.transport.send(id, self.message(head, str(id)))
        if isinstance(answer, Taken):
            return answer.reference.encode()
        if hasattr(answer, "error"):
            again = "" if isinstance(answer, Rejected) else " It is tried again."
            raise AnchorFailed(f"The checkpoint could not be sent to {self.to}: {answer.error}{again}")
        return f"unclear: {answer.reason}".encode()

    def message(self, head: Head, id: str) -> EmailMessage:
        """The mail, in plain text, with the note as it was signed, byte for byte, as a file."""
        message = EmailMessage(policy=SMTP)
        message["From"] = address(parseaddr(self.sender)[1], self.company)
        message["To"] = address(self.to, "")
        message["Subject"] = f"Checkpoint {head.checkpoint.short}"
        message["Date"] = format_datetime(head.signed_at)
        message["Message-ID"] = f"<{id}@{message['From'].addresses[0].domain}>"
        message["Auto-Submitted"] = "auto-generated"
        text = TEXT.format(company=self.company, signed_at=head.signed_at, size=head.size, note=head.note)
        message.set_content(text, charset="utf-8", cte="base64")
        file = f"checkpoint-{head.size}.txt"
        message.add_attachment(head.note.encode(), maintype="application", subtype="octet-stream", filename=file)
        return message
