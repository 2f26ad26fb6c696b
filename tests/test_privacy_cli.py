"""What the data protection officer does at the command line."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api import running
from api.house import open_house
from api.settings import Settings
from domain.customer import RegisterCustomer
from domain.kernel import derived
from eventstore.envelope import Request
from processes.retention_nights import NAME
from tests.test_cli import Run, run, shop  # noqa: F401  # the fixtures


def test_a_person_gets_a_copy_once_and_the_log_of_reads_says_so(shop: Run, tmp_path: Path) -> None:  # noqa: F811
    file = tmp_path / "copy.zip"
    made = shop("privacy", "export", "retail:502", "-o", str(file), "--language", "en")
    assert made.exit_code == 0, made.output
    assert "personal values" in made.stdout
    assert file.read_bytes().startswith(b"PK")
    again = shop("privacy", "export", "retail:502", "-o", str(file))
    assert (again.exit_code, "is there already" in again.stderr) == (2, True)
    (read,) = json.loads(shop("privacy", "reads", "retail:502", "--json").stdout)
    assert (read["door"], read["purpose"]) == ("export", "subject access: ACCESS")
    assert "export" in shop("privacy", "reads", "retail:502").stdout
    assert shop("privacy", "export", "retail:999999", "-o", str(tmp_path / "none.zip")).exit_code == 1


def test_whether_a_person_may_be_contacted_is_the_exit_code(shop: Run) -> None:  # noqa: F811
    shop(
        "query",
        'mutation { registerCustomer(input: {customerId: "shop:ana", email: "ana@example.com"}) { __typename } }',
    )
    no = shop("privacy", "may-contact", "shop:ana", "MARKETING", "EMAIL")
    assert (no.exit_code, no.stdout) == (1, "No: NO_CONSENT.\n")
    yes = shop("privacy", "may-contact", "shop:ana", "SERVICE", "EMAIL")
    assert (yes.exit_code, "LEGITIMATE_INTEREST" in yes.stdout) == (0, True)
    found = json.loads(shop("privacy", "may-contact", "shop:ana", "SERVICE", "EMAIL", "--json").stdout)
    assert (found["allowed"], found["reason"]) == (True, None)
    assert shop("privacy", "may-contact", "shop:nobody", "SERVICE", "EMAIL").exit_code == 1


def test_whatever_the_command_line_shows_of_a_person_is_noted(shop: Run, tmp_path: Path) -> None:  # noqa: F811
    shop(
        "query",
        'mutation { registerCustomer(input: {customerId: "shop:ana", email: "ana@example.com"}) { __typename } }',
    )
    shop("replay", "shop:ana")
    shop("audit", "journal", "--customer", "shop:ana", "--personal")
    shop("audit", "journal", "--customer", "shop:ana")
    noted = json.loads(shop("privacy", "reads", "shop:ana", "--json").stdout)
    assert [each["purpose"] for each in noted] == ["replay", "audit journal"]


def test_the_doctor_says_what_is_older_than_its_law_allows(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    def doctor() -> tuple[bool, str]:
        (found,) = [each for each in json.loads(run("doctor", "--json").stdout) if each["name"] == "retention"]
        return found["ok"], found["says"]

    assert doctor() == (True, "Nothing is older than its law allows.")
    long_ago = Request(occurred_at=datetime(2010, 1, 1, tzinfo=UTC))
    with open_house(Settings()) as house:
        house.log.do(RegisterCustomer(customer_id=derived("customer", 1), name="Ana"), long_ago)
    told = "1 keys of 1 people are older than their law allows. To see them: bitacora privacy retention."
    assert doctor() == (False, f"{told} To destroy them for good: bitacora privacy retention --apply.")
    monkeypatch.setenv("BITACORA_RETENTION", "destroy")
    assert doctor() == (True, f"{told} They are destroyed tonight.")
    with open_house(Settings()) as house:
        look = running.retention(house)
        assert look.step()
        with house.log.pool.connection() as db:
            db.execute("update es.checkpoint set position = position - 3 where name = %s", [NAME])
    ok, says = doctor()
    assert (ok, "Is bitacora work running?" in says) == (False, True)


def test_a_certificate_is_checked_by_whoever_got_it(run: Run, tmp_path: Path) -> None:  # noqa: F811
    run("query", 'mutation { registerCustomer(input: {customerId: "shop:ana", name: "Ana"}) { __typename } }')
    told = run("privacy", "request", "shop:ana", "--basis", "OBJECTED", "--json")
    assert told.exit_code == 0, told.output
    asked = json.loads(told.stdout)
    id = asked["erasure_id"]
    assert run("privacy", "certificate", id).exit_code == 1
    run("privacy", "verify-identity", id, "--method", "ID card")
    assert run("privacy", "erase", id).exit_code == 0
    file, policy = tmp_path / "certificate.json", tmp_path / "keys.txt"
    file.write_text(run("privacy", "certificate", id).stdout)
    policy.write_text("".join(f"log {key}\n" for key in run("sealing", "keys").stdout.split()) + "quorum none\n")
    for words in ([], ["--policy", str(policy)]):
        told = run("privacy", "verify-certificate", str(file), *words)
        assert told.exit_code == 0, told.output
        assert f"OK: request {id} was completed" in told.stdout
    file.write_text(file.read_text().replace("shop:", "shop;").replace('"found": 0', '"found": 1'))
    for words in ([], ["--policy", str(policy)]):
        told = run("privacy", "verify-certificate", str(file), *words)
        assert (told.exit_code, "not the one with this SHA-256" in told.stderr) == (1, True)
    assert run("privacy", "verify-certificate", str(tmp_path / "none")).exit_code == 2
