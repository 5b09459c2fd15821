"""The papers that attacks on properties of training sets come from."""

from __future__ import annotations

from divulge.catalog.paper import Paper

PROPERTIES = (
    Paper(
        "ateniese2015",
        "Ateniese et al.",
        "Hacking smart machines with smarter ones: How to extract meaningful data from machine learning classifiers",
        2015,
        "https://arxiv.org/abs/1306.4447",
    ),
    Paper(
        "ganju2018",
        "Ganju et al.",
        "Property inference attacks on fully connected neural networks using permutation invariant representations",
        2018,
        "https://doi.org/10.1145/3243734.3243834",
    ),
    Paper(
        "melis2019",
        "Melis et al.",
        "Exploiting unintended feature leakage in collaborative learning",
        2019,
        "https://arxiv.org/abs/1805.04049",
    ),
    Paper(
        "song2020b",
        "Song and Shmatikov",
        "Overlearning reveals sensitive attributes",
        2020,
        "https://arxiv.org/abs/1905.11742",
    ),
    Paper(
        "zhang2021",
        "Zhang et al.",
        "Leakage of dataset properties in multi-party machine learning",
        2021,
        "https://arxiv.org/abs/2006.07267",
    ),
    Paper(
        "suri2022",
        "Suri and Evans",
        "Formalizing and estimating distribution inference risks",
        2022,
        "https://arxiv.org/abs/2109.06024",
    ),
    Paper(
        "mahloujifar2022",
        "Mahloujifar et al.",
        "Property inference from poisoning",
        2022,
        "https://arxiv.org/abs/2101.11073",
    ),
    Paper("suri2023", "Suri et al.", "Dissecting distribution inference", 2023, "https://arxiv.org/abs/2212.07591"),
    Paper(
        "chaudhari2023",
        "Chaudhari et al.",
        "SNAP: Efficient extraction of private properties with poisoning",
        2023,
        "https://arxiv.org/abs/2208.12348",
    ),
)
