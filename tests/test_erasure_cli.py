"""How the data protection officer takes a request to its certificate at the command line."""

import json

from tests.test_cli import Run, run, shop  # noqa: F401  # the fixtures

ANA = 'mutation { registerCustomer(input: {customerId: "shop:ana", name: "Ana Canario"}) { __typename } }'


def test_a_request_is_told_by_the_id_that_it_was_given(shop: Run) -> None:  # noqa: F811
    shop("query", ANA)
    asked = shop("privacy", "request", "shop:ana", "--basis", "OBJECTED", "--json")
    assert asked.exit_code == 0, asked.stderr
    request = json.loads(asked.stdout)
    (listed,) = json.loads(shop("privacy", "status", "--json").stdout)
    assert (listed, listed["status"]) == (request, "REQUESTED")
    again = shop("privacy", "request", "shop:ana", "--basis", "OBJECTED")
    assert (again.exit_code, again.stderr) == (1, "There is a request for this customer already.\n")


def test_a_person_is_erased_by_four_commands_and_the_log_still_holds(shop: Run) -> None:  # noqa: F811
    shop("query", ANA)
    request = json.loads(shop("privacy", "request", "shop:ana", "--basis", "OBJECTED", "--json").stdout)["erasure_id"]
    early = shop("privacy", "erase", request)
    assert (early.exit_code, "verify the identity first" in early.stderr) == (1, True)
    assert shop("privacy", "certificate", request).exit_code == 1
    assert "Ana Canario" in shop("query", '{ customer(id: "shop:ana") { name } }').stdout

    verified = shop("privacy", "verify-identity", request, "--method", "ID card", "--json")
    assert json.loads(verified.stdout)["status"] == "VERIFIED", verified.stderr
    erased = shop("privacy", "erase", request, "--json")
    assert json.loads(erased.stdout)["status"] == "COMPLETED", erased.stderr

    certified = json.loads(shop("privacy", "certificate", request).stdout)
    assert certified["sha256"] == json.loads(erased.stdout)["certificate"]
    assert all(check["found"] == 0 for check in certified["certificate"]["checks"])
    assert json.loads(shop("privacy", "status", "--json").stdout) == []
    assert "Ana Canario" not in shop("query", '{ customer(id: "shop:ana") { name } }').stdout
    proven = shop("audit", "verify")
    assert (proven.exit_code, proven.stdout.splitlines()[-1]) == (0, "ERASED-OK")
