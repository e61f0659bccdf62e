"""The forms in which users have their lists of compounds."""

import gzip

from tests.end_to_end.commands import CommandLine
from tests.end_to_end.simulators import RunningSimulator
from tests.end_to_end.tables import cids, states

BOM = "\N{BYTE ORDER MARK}"
FILES = {
    "plain.txt": f"{BOM}# first the small ones\n101\n\nCID102\n103.0\n 104  # a remark\n",
    "CID-Synonym": "201\twater\n201\tH2O, \"pure\n202\t5'-CID\n",
    "semicolon.csv": 'Name;Compound_CID;Weight\n"one; two";301;1,5\n# none\nthree;302;2\n',
    "comma.csv": "cid,name\r\n401,x\r\n402,y\r\n",
}


def test_every_form_of_a_list_is_understood(
    cryoasync: CommandLine, at_once: RunningSimulator, dsn: str
) -> None:
    """Files of every layout, gzip, standard input, ids and ranges are one list, and what repeats counts once."""
    for name, text in FILES.items():
        (cryoasync.home / name).write_text(text, newline="")
    (cryoasync.home / "packed.gz").write_bytes(gzip.compress(b"501\n502\n"))
    listed = cryoasync.home / "listed"
    listed.write_text("601\n602\n601\n")
    words = (*FILES, "packed.gz", "-", "CID2244", "2244.0", "701-703", "702")
    with listed.open("rb") as stdin:
        ended = cryoasync(
            *("run", "pubchem", *words, "--base-url", at_once.base_url, "--dsn", dsn, "--json"), stdin=stdin
        )
    assert ended.exit_code == 0
    expected = [101, 102, 103, 104, 201, 202, 301, 302, 401, 402, 501, 502, 601, 602, 701, 702, 703, 2244]
    assert cids(dsn) == expected
    summary = ended.document
    # 201 and 601 in their lists, 2244 and 702 among the words.
    assert (summary["requested"], summary["duplicates"], summary["invalid"]) == (len(expected), 4, 0)


def test_lines_that_are_no_ids_are_recorded_with_their_numbers(
    cryoasync: CommandLine, at_once: RunningSimulator, dsn: str
) -> None:
    """The run goes on without them, and they are an answer, not a failure."""
    lines = (
        "1",
        "-2",
        "9223372036854775807",
        "2.5",
        "",
        "aspirin",
        "0",
        "2147483648",
        "2147483647",
        "NaN\x07",
        "2",
    )
    (cryoasync.home / "list.txt").write_text("".join(f"{line}\n" for line in lines))
    ended = cryoasync(*("run", "pubchem", "list.txt", "--base-url", at_once.base_url, "--dsn", dsn, "--json"))
    assert ended.exit_code == 0
    assert (ended.document["invalid"], ended.document["not_found"], ended.document["imported"]) == (7, 1, 2)
    assert states(dsn, ("line", "source_id", "state")) == [
        (1, "1", "imported"),
        (2, "-2", "invalid"),
        (3, "9223372036854775807", "invalid"),
        (4, "2.5", "invalid"),
        (6, "aspirin", "invalid"),
        (7, "0", "invalid"),
        (8, "2147483648", "invalid"),
        (9, "2147483647", "not_found"),
        (10, "NaN\x07", "invalid"),
        (11, "2", "imported"),
    ]
    assert all(
        "list.txt, line " in reason
        for state, reason in states(dsn, ("state", "reason"))
        if state == "invalid"
    )
