"""The claims of the X-MIC paper and of MMG-Ego4D, as data; a method that lands fills in what its claims compare."""

from collections.abc import Sequence

from egoshift.errors import ConfigError
from egoshift.evaluation.few_shot import SubsetPair
from egoshift.evaluation.modality_result import Task
from egoshift.losses import modality_subsets, subset_pairs
from egoshift.recipes.claims.claim import WEB_PICTURES, Claim, Comparison, Fixed, Gain, MeasureName, Score, SensorScore
from egoshift.records import Label

_Pairs = tuple[str, tuple[SubsetPair, ...]]
"""What tables call some pairs of subsets of the modalities, and the pairs."""

_BASELINES = ("clip_adapter", "clip_adapter_temporal", "coop", "cocoop", "a5", "vita_clip")
_CHANCE = 100 / 16
_ALL = ("video", "audio", "imu")
_REGULAR: _Pairs = ("all -> all", ((_ALL, _ALL),))
_MISSING: _Pairs = ("some missing", tuple((_ALL, subset) for subset in modality_subsets(_ALL)[1:]))
_NO_VIDEO: _Pairs = ("all -> audio+imu", ((_ALL, ("audio", "imu")),))
_TO_VIDEO: _Pairs = ("audio+imu -> video", ((("audio", "imu"), ("video",)),))
_CROSSED: _Pairs = ("none in common", subset_pairs(_ALL, "disjoint"))


def _sensors(left: str, right: str, task: Task, pairs: _Pairs, *, decides: bool = True) -> Comparison:
    measure = f"{task}, {pairs[0]}"
    sides = [SensorScore(variant, task, pairs[1], measure) for variant in (left, right)]
    return Comparison(sides[0], sides[1], decides)


def _above(left: str, right: str, label: Label, measure: MeasureName = "hm", *, decides: bool = True) -> Comparison:
    return Comparison(Score(left, label, measure), Score(right, label, measure), decides)


CLAIMS: tuple[Claim, ...] = (
    Claim(
        1,
        "Zero-shot CLIP collapses from third-person to egocentric frames (nouns)",
        "X-MIC, section 4.3 and Table 1, row ZS CLIP",
        (Comparison(Score(WEB_PICTURES, "noun", "third-person"), Score("zero_shot", "noun", "within")),),
        note="Partly by construction: the world was made so that this holds for its CLIP. Third-person: new web "
        "pictures of single objects, every noun of the world to choose from. Egocentric: full frames of the test clips "
        "of kitchen and home, the data set's own nouns to choose from.",
    ),
    Claim(
        2,
        "X-MIC beats zero-shot CLIP within and across data sets, on nouns and verbs",
        "X-MIC, Table 1",
        (
            _above("xmic", "zero_shot", "noun"),
            _above("xmic", "zero_shot", "verb"),
            _above("xmic", "zero_shot_hand", "noun", decides=False),
            _above("xmic", "zero_shot_hand", "verb", decides=False),
            _above("xmic", "zero_shot", "noun", "across", decides=False),
            _above("xmic", "zero_shot", "verb", "across", decides=False),
        ),
        note="The paper's zero-shot row looks at full frames. Ours beside it, and harder: zero-shot on the hand crops "
        "that X-MIC classifies; and the score across data sets alone.",
    ),
    Claim(
        3,
        "X-MIC beats CLIP-Adapter, CoOp, CoCoOp, A5 and Vita-CLIP across data sets (harmonic mean)",
        "X-MIC, Table 1",
        (
            *(_above("xmic", other, label) for label in ("noun", "verb") for other in _BASELINES),
            *(
                _above("xmic", other, label, decides=False)
                for label in ("noun", "verb")
                for other in ("clip_adapter_official", "tip_adapter", "tip_adapter_f", "clip_lora", "linear_probe")
            ),
            *(
                _above("xmic", other, label, "across", decides=False)
                for label in ("noun", "verb")
                for other in _BASELINES
            ),
        ),
        note="All methods classify hand crops and each got its learning rate by the same search on held-out source "
        "videos of world 0; Vita-CLIP and CLIP-LoRA, which run the image tower in every step, have 4 frames a clip and "
        "20 epochs. CLIP-Adapter is X-MIC's own re-implementation (four fifths adapted, both sides), with "
        "temporal attention where starred; beside it the official one, methods that the paper lacks, and the score "
        "across data sets alone.",
    ),
    Claim(
        4,
        "On novel classes X-MIC keeps or improves zero-shot, while CLIP-Adapter loses",
        "X-MIC, Table 2",
        (
            *(_above("xmic", "zero_shot", label, "novel") for label in ("noun", "verb")),
            *(_above("zero_shot", "clip_adapter", label, "novel") for label in ("noun", "verb")),
            *(
                _above(left, right, label, "novel-generalised", decides=False)
                for left, right in (("xmic", "zero_shot"), ("zero_shot", "clip_adapter"))
                for label in ("noun", "verb")
            ),
            *(
                _above(left, right, label, "novel", decides=False)
                for left, right in (("xmic", "zero_shot_hand"), ("zero_shot_hand", "clip_adapter"))
                for label in ("noun", "verb")
            ),
        ),
        note="Zero-shot on full frames, as the paper's row, among the novel classes alone, as its Table 2. Beside it: "
        "among all classes; and zero-shot on the hand crops that X-MIC and CLIP-Adapter classify.",
    ),
    Claim(
        5,
        "Full frames and hand crops together (F+H) beat either alone",
        "X-MIC, section 4.4 and Table 4",
        tuple(_above("xmic", other, label) for label in ("noun", "verb") for other in ("xmic_full", "xmic_hand")),
        note="F and H are alone in both places: F also classifies the full frames, H and F+H classify the hand crops, "
        "as the released code does.",
    ),
    Claim(
        6,
        "Temporal attention helps verbs more than nouns",
        "X-MIC, section 4.3",
        (
            _above("xmic", "xmic-mean", "verb", "within"),
            Comparison(Gain("xmic", "xmic-mean", "verb", "within"), Gain("xmic", "xmic-mean", "noun", "within")),
            _above("xmic", "xmic-mean", "noun", "within", decides=False),
        ),
        note="Two layers of temporal attention against none (a mean over frames). The gain on verbs must be one, and "
        "greater than the gain on nouns.",
    ),
    Claim(
        7,
        "A second, different encoder (DINO) for the adapter helps nouns",
        "X-MIC, Table 1, row X-MIC+DINO",
        (_above("xmic_dino", "xmic", "noun"),),
        note="Where DINO's width differs from CLIP's, a linear layer joins them, which X-MIC without DINO lacks.",
    ),
    Claim(
        8,
        "Normalising the adapter's input (n1) is best; n1+n2 and n1+n3 collapse (nouns)",
        "X-MIC, section 4.4 and Table 6",
        (
            *(_above("xmic", f"xmic-{other}", "noun") for other in ("none", "n2+n3", "n1+n2+n3", "n1+n2", "n1+n3")),
            *(_above("xmic-none", f"xmic-{other}", "noun") for other in ("n1+n2", "n1+n3")),
        ),
        note="With a linear head and a factor of 1, not the released head. n1 against each other row; and, for the "
        "collapse, that n1+n2 and n1+n3 fall below no normalisation too.",
    ),
    Claim(
        9,
        "A larger or domain-trained backbone helps nouns across data sets",
        "X-MIC, section 4.4 and Table 5",
        (
            _above("xmic_large", "xmic", "noun", "across"),
            _above("xmic_lavila", "xmic", "noun", "across"),
            _above("zero_shot_large", "zero_shot", "noun", "across", decides=False),
            _above("zero_shot_lavila", "zero_shot", "noun", "across", decides=False),
            _above("xmic_large", "xmic", "verb", "across", decides=False),
            _above("xmic_lavila", "xmic", "verb", "across", decides=False),
        ),
        note="The larger CLIP is EgoWorld-CLIP with a wider and deeper image tower, trained on the same pictures; "
        "LaViLa is EgoWorld-CLIP trained further on narrated egocentric videos of other worlds.",
    ),
    Claim(
        10,
        "Modality dropout and the alignment loss keep accuracy when modalities are missing",
        "MMG-Ego4D, tables of missing modalities and ablation",
        (
            _sensors("mmg_many_shot", "mmg_many_shot-neither", "many-shot", _MISSING),
            _sensors("mmg_many_shot", "mmg_many_shot-no_dropout", "many-shot", _MISSING, decides=False),
            _sensors("mmg_many_shot", "mmg_many_shot-no_align", "many-shot", _MISSING, decides=False),
            _sensors("mmg_many_shot", "mmg_many_shot-no_align", "many-shot", _NO_VIDEO),
            _sensors("mmg_few_shot", "mmg_few_shot-no_align", "few-shot", _NO_VIDEO),
        ),
        note="Trained on video, sound and IMU. Both together against neither, over all six subsets in which something "
        "is missing; beside it, each by itself. And, as the paper's ablation, the alignment loss where video is "
        "missing, in many- and in few-shot.",
    ),
    Claim(
        11,
        "Without the alignment loss, cross-modal zero-shot is near chance",
        "MMG-Ego4D, ablation",
        (
            _sensors("mmg_zero_shot.audio+imu", "mmg_zero_shot-no_align.audio+imu", "many-shot", _TO_VIDEO),
            Comparison(
                Fixed(2 * _CHANCE, "twice chance", _TO_VIDEO[0]),
                SensorScore("mmg_zero_shot-no_align.audio+imu", "many-shot", _TO_VIDEO[1], _TO_VIDEO[0]),
            ),
        ),
        note="Labels seen by sound and IMU, clips recognised by video. Encoders of sound and IMU begin from random "
        "weights; with the alignment loss they are trained on all clips without labels first. Near chance: below "
        "twice chance (16 classes).",
    ),
    Claim(
        12,
        "Fusion by attention beats fusion by an MLP",
        "MMG-Ego4D, ablation",
        (
            _sensors("mmg_many_shot", "mmg_many_shot-mlp", "many-shot", _REGULAR),
            _sensors("mmg_few_shot", "mmg_few_shot-mlp", "few-shot", _REGULAR),
            _sensors("mmg_many_shot", "mmg_many_shot-mlp", "many-shot", _MISSING, decides=False),
            _sensors("mmg_few_shot", "mmg_few_shot-mlp", "few-shot", _MISSING, decides=False),
        ),
        note="All modalities on both sides. Beside it, with some missing in the clips to recognise.",
    ),
    Claim(
        13,
        "The cross-modal prototypical loss helps few-shot recognition",
        "MMG-Ego4D, ablation",
        (
            _sensors("mmg_few_shot", "mmg_few_shot-no_proto", "few-shot", _REGULAR),
            _sensors("mmg_few_shot", "mmg_few_shot-no_proto", "few-shot", _NO_VIDEO),
            _sensors("mmg_few_shot", "mmg_few_shot-no_proto", "few-shot", _CROSSED, decides=False),
        ),
        note="Against the prototypical loss with all modalities on both sides, as we read the paper's row without the "
        "cross-modal one. Regular and, as its ablation, with video missing in the queries. Beside it, the mean over "
        "the twelve pairs without a modality in common.",
    ),
    Claim(
        14,
        "Training on cheap sensors and testing on video beats training and testing on cheap sensors",
        "MMG-Ego4D, tables of few-shot zero-shot and of unimodal encoders",
        tuple(
            Comparison(
                SensorScore("mmg_few_shot", "few-shot", ((cheap, ("video",)),), f"{name} -> video"),
                SensorScore("mmg_few_shot", "few-shot", ((cheap, cheap),), f"{name} -> {name}"),
            )
            for cheap, name in ((("audio",), "audio"), (("imu",), "imu"))
        ),
        note="The support of the episodes seen by the cheap sensor, the queries by video or by the same sensor; "
        "one model for both. The paper compares with encoders of one sensor.",
    ),
)


def find_claims(numbers: Sequence[int] = ()) -> tuple[Claim, ...]:
    """The claims of these numbers, in their order here; all where none is given.

    Raises:
        ConfigError: There is no claim of such a number.
    """
    known = {claim.number for claim in CLAIMS}
    for number in numbers:
        if number not in known:
            raise ConfigError(f"--only: there is no claim {number}; there are {min(known)} to {max(known)}")
    return tuple(claim for claim in CLAIMS if not numbers or claim.number in numbers)
