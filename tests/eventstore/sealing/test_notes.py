"""Signed notes, checkpoints and proofs as texts: the examples of C2SP and of Go, and whatever else is refused."""

import base64
from hashlib import sha256

import pytest

from eventstore.sealing.merkle import NotProven, Tree, inclusion_proof, leaf_hash
from eventstore.sealing.notes import (
    COSIGNATURE,
    Checkpoint,
    Note,
    NoteError,
    Proof,
    Signer,
    VerifierKey,
    checkpoint_of,
    private_key,
    seen_at,
    signatures,
)

C2SP_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
C2SP_NOTE = (
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
"""The example of c2sp.org/signed-note."""

GO_PRIVATE = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_OTHER_KEY = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_SIGNATURE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
GO_OTHER_SIGNATURE = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)
"""The examples of golang.org/x/mod/sumdb/note."""

WITNESS_SIGNATURE = (
    "ZGhGuQAAAABm/qTPeyKXD+R2rzyQsxPiP8mXum7qq/iF0u4vanlqJyocWODBt97w9uL+8qT7S5gxEHWWOworDcFiEBYJXORmnFBOBA=="
)
"""From the tests of transparency-dev/formats: made at 1727964367."""

ORIGIN = "crm.example/log"
SIGNER = Signer.of(ORIGIN, bytes(range(32)))
WITNESS = Signer.of("witness.example", bytes(range(1, 33)), COSIGNATURE)
ROOT = base64.b64encode(sha256(b"root").digest()).decode()
HEAD = Checkpoint(ORIGIN, 123, sha256(b"root").digest())


def test_the_example_of_c2sp_is_signed():
    key = VerifierKey.parse(C2SP_KEY)
    note = Note.parse(C2SP_NOTE)
    assert (note.text, str(note), str(key)) == ("This is an example message.\n", C2SP_NOTE, C2SP_KEY)
    assert note.must_be_signed([key]) == [key]


def test_no_bit_of_it_can_be_flipped():
    key, whole = VerifierKey.parse(C2SP_KEY), C2SP_NOTE.encode()
    for bit in range(len(whole) * 8):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((NoteError, UnicodeDecodeError)):
            Note.parse(changed.decode()).must_be_signed([key])


def test_the_examples_of_go_are_signed_and_signed_again():
    keys = [VerifierKey.parse(GO_KEY), VerifierKey.parse(GO_OTHER_KEY)]
    both = Note.parse(f"{GO_TEXT}\n{GO_SIGNATURE}{GO_OTHER_SIGNATURE}")
    assert both.must_be_signed(keys) == keys
    assert both.must_be_signed(keys[1:]) == keys[1:]
    signer = Signer.parse(GO_PRIVATE)
    assert str(signer.key) == GO_KEY
    assert str(Note.signed(GO_TEXT, [signer])) == f"{GO_TEXT}\n{GO_SIGNATURE}"


def test_a_private_key_is_read_as_it_was_written():
    written = private_key(ORIGIN, bytes(range(32)))
    assert Signer.parse(written).key == SIGNER.key
    with pytest.raises(NoteError, match="copied wrongly"):
        Signer.parse(written[:-4] + ("AAAA" if written[-4:] != "AAAA" else "BBBB"))
    with pytest.raises(NoteError, match="PRIVATE"):
        Signer.parse(GO_KEY)


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "foo",
        "rekor.sigstore.dev+12344556",
        "rekor.sigstore.dev+12345678+THIS_IS_NOT_BASE64!",
        "rekor.sigstore.dev+12345678+AwEB",
        "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/fob+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example com+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        C2SP_KEY + "\n",
    ],
)
def test_what_is_no_key_is_refused(vkey):
    with pytest.raises(NoteError):
        VerifierKey.parse(vkey)


@pytest.mark.parametrize("vkey", [GO_KEY, "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"])
def test_keys_of_logs_and_of_witnesses_are_read(vkey):
    assert str(VerifierKey.parse(vkey)) == vkey


@pytest.mark.parametrize(
    "note",
    [
        "",
        "text\n",
        "text\n\n",
        f"text\n{GO_SIGNATURE}",
        f"text\r\n\n{GO_SIGNATURE}",
        f"te\0xt\n\n{GO_SIGNATURE}",
        f"text\n\n{GO_SIGNATURE}"[:-1],
        f"text\n\n{GO_SIGNATURE}text\n",
        "text\n\n— Peter Neumann x08go/ZJkuBS\n",
        "text\n\n— Peter+Neumann x08go/ZJkuBS\n",
        "text\n\n— PeterNeumann x08go\n",
        "text\n\n— PeterNeumann x08goA=\n",
        "text\n\n-- PeterNeumann x08go/ZJkuBS\n",
        f"text\n\n{GO_SIGNATURE * 101}",
        "x" * 100_000 + f"\n\n{GO_SIGNATURE}",
    ],
)
def test_what_is_no_note_is_refused(note):
    with pytest.raises(NoteError):
        Note.parse(note)


def test_a_note_of_strangers_is_refused():
    with pytest.raises(NoteError, match="Nobody"):
        Note.parse(C2SP_NOTE).must_be_signed([VerifierKey.parse(GO_KEY)])


def test_a_stranger_of_the_same_name_changes_nothing():
    stranger = Signer.of(ORIGIN, bytes(range(2, 34)))
    note = Note.signed(HEAD.text(), [stranger, SIGNER])
    assert note.must_be_signed([SIGNER.key]) == [SIGNER.key]


def test_one_wrong_signature_of_somebody_known_spoils_the_note():
    other = Signer.of("other.example", bytes(32))
    wrong = Note.signed("else\n", [other]).signatures
    note = Note.signed("text\n", [SIGNER]).with_signatures(wrong)
    assert note.must_be_signed([SIGNER.key]) == [SIGNER.key]
    with pytest.raises(NoteError, match="wrong"):
        note.must_be_signed([SIGNER.key, other.key])


def test_sixteen_signatures_and_empty_lines_in_the_text_are_fine():
    signers = [Signer.of(f"signer-{n}", bytes([n] * 32)) for n in range(16)]
    note = Note.parse(str(Note.signed("one\n\ntwo\n", signers)))
    assert note.text == "one\n\ntwo\n"
    assert note.must_be_signed(signer.key for signer in signers) == [signer.key for signer in signers]


def test_a_witness_says_when():
    assert seen_at(signatures(f"— remora.n621.de {WITNESS_SIGNATURE}\n")[0]) == 1727964367
    cosigned = Note(HEAD.text(), (SIGNER.signature(HEAD.text()), WITNESS.signature(HEAD.text(), 1679315147)))
    assert cosigned.must_be_signed([WITNESS.key]) == [WITNESS.key]
    assert seen_at(cosigned.signatures[1]) == 1679315147
    with pytest.raises(NoteError, match="no time"):
        seen_at(cosigned.signatures[0])


def test_a_witness_cannot_be_made_to_have_seen_it_at_another_time():
    name, _key_id, signature = WITNESS.signature(HEAD.text(), 1679315147)
    later = (1679315148).to_bytes(8) + signature[8:]
    assert not WITNESS.key.verifies(HEAD.text(), later)
    assert not VerifierKey(name, WITNESS.key.public).verifies(HEAD.text(), signature[8:])


def test_a_later_signature_of_a_witness_replaces_its_earlier_one():
    first, second = WITNESS.signature(HEAD.text(), 1), WITNESS.signature(HEAD.text(), 2)
    note = Note.signed(HEAD.text(), [SIGNER]).with_signatures([first]).with_signatures([second])
    assert [signature.name for signature in note.signatures] == [ORIGIN, "witness.example"]
    assert seen_at(note.signatures[1]) == 2


def test_a_checkpoint_is_read_as_it_was_written():
    assert HEAD.text() == f"{ORIGIN}\n123\n{ROOT}\n"
    assert Checkpoint.parse(HEAD.text()) == HEAD
    assert Checkpoint.parse(HEAD.text() + "more\n") == HEAD
    assert HEAD.short == f"123 {ROOT[:16]}"


@pytest.mark.parametrize(
    "text",
    [
        "Head\n9944\n",
        f"\n9944\n{ROOT}\n",
        f"Log\n123\n{ROOT}",
        f"Log\nbananas\n{ROOT}\n",
        f"Log\n-34\n{ROOT}\n",
        f"Log\n034\n{ROOT}\n",
        f"Log\n+34\n{ROOT}\n",
        f"Log\n３\n{ROOT}\n",
        f"Log\n3438945738945739845734895735\n{ROOT}\n",
        "Log\n123\nThisIsn'tBase64\n",
        "Log\n123\nYmFuYW5hcw==\n",
        f"Log\n123\n{ROOT}\n\n",
        f"Log\n123\n{ROOT}\n\nmore\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text):
    with pytest.raises(NoteError):
        Checkpoint.parse(text)


def test_a_checkpoint_of_another_log_is_refused():
    note = str(Note.signed(HEAD.text(), [SIGNER]))
    assert checkpoint_of(note, ORIGIN, [SIGNER.key]) == HEAD
    with pytest.raises(NoteError, match=r"not of other\.example"):
        checkpoint_of(note, "other.example", [SIGNER.key])


def a_proof(index: int, size: int, extra: bytes | None = None) -> tuple[bytes, str]:
    leaves = [leaf_hash(f"event {n}".encode()) for n in range(size)]
    tree = Tree(leaves)
    head = Checkpoint(ORIGIN, size, tree.root())
    proof = tuple(inclusion_proof(index, size, tree.hash))
    return leaves[index], str(Proof(index, proof, str(Note.signed(head.text(), [SIGNER])), extra))


@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 2), (4, 7), (99, 100)])
@pytest.mark.parametrize("extra", [None, b"", b"about it"])
def test_a_proof_proves_an_entry_offline(index, size, extra):
    leaf, text = a_proof(index, size, extra)
    proof = Proof.parse(text)
    assert (str(proof), proof.index, proof.extra) == (text, index, extra)
    assert proof.proven(leaf, ORIGIN, [SIGNER.key]).size == size


def test_no_bit_of_a_proof_can_be_flipped():
    leaf, text = a_proof(4, 7)
    whole = text.encode()
    for bit in range(len(whole) * 8):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((NoteError, NotProven, UnicodeDecodeError)):
            Proof.parse(changed.decode()).proven(leaf, ORIGIN, [SIGNER.key])
    with pytest.raises(NotProven):
        Proof.parse(text).proven(leaf_hash(b"another"), ORIGIN, [SIGNER.key])


def test_a_proof_is_written_as_others_write_it():
    hashes = sha256(b"hash1").digest(), sha256(b"hash2").digest()
    first, second = (base64.b64encode(hash).decode() for hash in hashes)
    assert str(Proof(5, hashes, "test checkpoint\n")) == (
        f"c2sp.org/tlog-proof@v1\nindex 5\n{first}\n{second}\n\ntest checkpoint\n"
    )
    assert str(Proof(10, hashes[:1], "checkpoint data\n", b"extra information")) == (
        f"c2sp.org/tlog-proof@v1\nextra ZXh0cmEgaW5mb3JtYXRpb24=\nindex 10\n{first}\n\ncheckpoint data\n"
    )
    assert str(Proof(0, (), "checkpoint\n")) == "c2sp.org/tlog-proof@v1\nindex 0\n\ncheckpoint\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "wrong-header\nindex 0\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nextra !!notbase64!!\nindex 0\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\n\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex notanumber\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex -5\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 05\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 99999999999999999999\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n!!notbase64!!\n\ncheckpoint\n",
        f"c2sp.org/tlog-proof@v1\nindex 0\n{base64.b64encode(bytes(64)).decode()}\n\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n" + f"{ROOT}\n" * 64 + "\ncheckpoint\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n\n",
    ],
)
def test_what_is_no_proof_is_refused(text):
    with pytest.raises(NoteError):
        Proof.parse(text)
