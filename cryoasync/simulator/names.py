"""Stand-ins for what no program can compute: systematic names, titles, synonyms, counts of patents.

All are drawn from the random stream passed in, so that a CID seeded the same way gets the same ones again. A
small share carries what breaks careless programs: quotes, backslashes, braces, commas, Greek letters.
"""

import random
from dataclasses import dataclass

from cryoasync.simulator.properties import CONFORMER_NAMES, PropertyValue

_LACKS_SYSTEMATIC_NAME = 0.12
_LACKS_XLOGP = 1 / 3
_LACKS_COLLECTED_COUNTS = 0.4
_LACKS_CONFORMER = 0.15
_LACKS_SYNONYMS = 0.08
_IS_AWKWARD = 0.05
_HAS_TRIVIAL_NAME = 0.35
_MOST_SYNONYMS = 40
_MOST_ATOMS_OF_A_CONFORMER = 50

_CHAINS = ("methane", "ethane", "propane", "butane", "pentane", "hexane", "heptane", "octane", "nonane")
_RINGS = ("benzene", "pyridine", "naphthalene", "quinoline", "indole", "imidazole", "purine", "anthracene")
_SUBSTITUENTS = {"Cl": "chloro", "Br": "bromo", "F": "fluoro", "I": "iodo", "S": "sulfanyl", "N": "amino"}
_ONSETS = ("v", "t", "l", "br", "m", "z", "fl", "c", "p", "d", "gl", "x", "n", "r")
_VOWELS = ("a", "e", "i", "o", "u")
_ENDINGS = ("dine", "mab", "pril", "statin", "zole", "caine", "trexed", "oxin", "amide", "idol")
_AWKWARD = (
    '{title} "pure"',
    "{title}\\technical",
    "{{{title}}}",
    "N,N'-bis({title})",
    "β-{title}",
    "{title}; 98% (w/w)",
    "O'{title}",
)
_CATEGORIES = ("Chemical Vendors", "Curation Efforts", "Governmental Organizations", "Legacy Depositors")
_ANNOTATIONS = ("Chemical and Physical Properties", "Patents", "Safety and Hazards", "Toxicity", "Literature")


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """What a compound is called; without a systematic name ``systematic_name`` is ``None``."""

    title: str
    systematic_name: str | None
    synonyms: list[str]


def draw_naming(
    rng: random.Random,
    *,
    cid: int,
    properties: dict[str, PropertyValue],
    known_name: str | None,
    registry: str | None,
) -> Naming:
    """Name a compound; its first synonym, where it has any, is its title.

    A compound of known name goes by that name alone: nothing untrue is said of it.
    """
    if known_name is not None:
        names = list(dict.fromkeys([known_name, known_name.lower(), known_name.upper(), f"SCHEMBL{cid}"]))
        return Naming(title=known_name, systematic_name=known_name.lower(), synonyms=names)
    systematic = None if rng.random() < _LACKS_SYSTEMATIC_NAME else _systematic_name(rng, properties)
    trivial = _trivial_name(rng) if rng.random() < _HAS_TRIVIAL_NAME else None
    title = trivial or systematic or f"CID {cid}"
    has_synonyms = rng.random() >= _LACKS_SYNONYMS
    synonyms = _synonyms(rng, cid, title, [systematic, registry]) if has_synonyms else []
    return Naming(title=title, systematic_name=systematic, synonyms=synonyms)


def draw_gaps_and_counts(
    rng: random.Random, properties: dict[str, PropertyValue]
) -> dict[str, PropertyValue]:
    """Return the properties as PubChem would have them: some withheld, patents and a conformer added."""
    values = dict(properties)
    if rng.random() < _LACKS_XLOGP:
        del values["XLogP"]
    if rng.random() >= _LACKS_COLLECTED_COUNTS:
        values |= _collected_counts(rng)
    atoms = int(values["HeavyAtomCount"])
    has_conformer = values["CovalentUnitCount"] == 1 and atoms <= _MOST_ATOMS_OF_A_CONFORMER
    if has_conformer and rng.random() >= _LACKS_CONFORMER:
        values |= _conformer(rng, atoms)
    return values


def _systematic_name(rng: random.Random, properties: dict[str, PropertyValue]) -> str:
    formula, atoms = str(properties["MolecularFormula"]), int(properties["HeavyAtomCount"])
    is_ring = "1" in str(properties["SMILES"])
    parent = rng.choice(_RINGS) if is_ring else _CHAINS[min(atoms, len(_CHAINS)) - 1]
    parts = [f"{rng.randint(1, 8)}-{word}" for symbol, word in _SUBSTITUENTS.items() if symbol in formula]
    if atoms > len(_CHAINS):
        locant = rng.randint(2, 5)
        parts.append(f"{rng.randint(1, 8)}-({locant},{locant + 1}-dimethylphenyl)")
    return "-".join(parts) + parent


def _trivial_name(rng: random.Random) -> str:
    syllables = "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(rng.randint(2, 3)))
    return (syllables + rng.choice(_ENDINGS)).capitalize()


def _synonyms(rng: random.Random, cid: int, title: str, others: list[str | None]) -> list[str]:
    wanted = min(_MOST_SYNONYMS, 1 + int(rng.expovariate(1 / 8)))
    found = [title, *(name for name in others if name)]
    if rng.random() < _IS_AWKWARD:
        found.append(rng.choice(_AWKWARD).format(title=title))
    found += [
        _registry_number(cid),
        title.upper(),
        f"SCHEMBL{cid * 7 + 101}",
        f"DTXSID{cid:07d}",
        f"AKOS{cid:09d}",
        f"{title} (VAN)",
        f"EINECS {200 + cid % 300}-{cid % 1000:03d}-{cid % 9}",
    ]
    found += [f"MLS{cid:09d}-{number:02d}" for number in range(max(0, wanted - len(found)))]
    return list(dict.fromkeys(found))[:wanted]


def _registry_number(cid: int) -> str:
    """Return a number in the form of CAS's, with a correct check digit, beyond those given out so far."""
    digits = f"{900_000_000 + cid % 100_000_000}"
    check = sum(place * int(digit) for place, digit in enumerate(reversed(digits), start=1)) % 10
    return f"{digits[:-2]}-{digits[-2:]}-{check}"


def _collected_counts(rng: random.Random) -> dict[str, PropertyValue]:
    patents = int(rng.lognormvariate(3, 2))
    annotations = rng.sample(_ANNOTATIONS, rng.randint(1, len(_ANNOTATIONS)))
    return {
        "PatentCount": patents,
        "PatentFamilyCount": patents // 2,
        "AnnotationTypes": "|".join(sorted(annotations)),
        "AnnotationTypeCount": len(annotations),
        "SourceCategories": "|".join(sorted(rng.sample(_CATEGORIES, rng.randint(1, len(_CATEGORIES))))),
        "LiteratureCount": int(rng.lognormvariate(2, 2)),
    }


def _conformer(rng: random.Random, atoms: int) -> dict[str, PropertyValue]:
    features = [rng.randint(0, 4) for _ in range(6)]
    values = (
        round(atoms * 13.2 + rng.uniform(-5, 5), 1),
        *(round(rng.uniform(0.5, 12.0), 2) for _ in range(3)),
        sum(features),
        *features,
        rng.choice((0.4, 0.6, 0.8, 1)),
        rng.randint(0, 9),
        rng.randint(1, 10),
    )
    return dict(zip(CONFORMER_NAMES, values, strict=True))
