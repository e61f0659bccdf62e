"""The property names of PUG REST, in the order in which its answers give them."""

COMPUTED_NAMES = (
    "MolecularFormula",
    "MolecularWeight",
    "SMILES",
    "ConnectivitySMILES",
    "InChI",
    "InChIKey",
    "IUPACName",
    "Title",
    "XLogP",
    "ExactMass",
    "MonoisotopicMass",
    "TPSA",
    "Complexity",
    "Charge",
    "HBondDonorCount",
    "HBondAcceptorCount",
    "RotatableBondCount",
    "HeavyAtomCount",
    "IsotopeAtomCount",
    "AtomStereoCount",
    "DefinedAtomStereoCount",
    "UndefinedAtomStereoCount",
    "BondStereoCount",
    "DefinedBondStereoCount",
    "UndefinedBondStereoCount",
    "CovalentUnitCount",
)
COLLECTED_NAMES = (
    "PatentCount",
    "PatentFamilyCount",
    "AnnotationTypes",
    "AnnotationTypeCount",
    "SourceCategories",
    "LiteratureCount",
)
CONFORMER_NAMES = (
    "Volume3D",
    "XStericQuadrupole3D",
    "YStericQuadrupole3D",
    "ZStericQuadrupole3D",
    "FeatureCount3D",
    "FeatureAcceptorCount3D",
    "FeatureDonorCount3D",
    "FeatureAnionCount3D",
    "FeatureCationCount3D",
    "FeatureRingCount3D",
    "FeatureHydrophobeCount3D",
    "ConformerModelRMSD3D",
    "EffectiveRotorCount3D",
    "ConformerCount3D",
)
PROPERTY_NAMES = (*COMPUTED_NAMES, *COLLECTED_NAMES, *CONFORMER_NAMES, "Fingerprint2D")

# Names from before the renaming of 2025: still understood in a request, answered under the new key.
NEW_NAME_OF_OLD = {"IsomericSMILES": "SMILES", "CanonicalSMILES": "ConnectivitySMILES"}
# The order in which answers gave the two before the renaming.
OLD_NAME_OF_NEW = {"ConnectivitySMILES": "CanonicalSMILES", "SMILES": "IsomericSMILES"}

PropertyValue = str | int | float
