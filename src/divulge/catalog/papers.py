"""The papers that attacks come from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Paper:
    """Bibliographic facts."""

    key: str
    authors: str
    title: str
    year: int
    link: str

    @property
    def short(self) -> str:
        """'Yeom et al. 2018'."""
        return f"{self.authors} {self.year}"


PAPERS: dict[str, Paper] = {
    paper.key: paper
    for paper in (
        Paper(
            "yeom2018",
            "Yeom et al.",
            "Privacy risk in machine learning: Analyzing the connection to overfitting",
            2018,
            "https://arxiv.org/abs/1709.01604",
        ),
        Paper(
            "salem2019",
            "Salem et al.",
            "ML-Leaks: Model and data independent membership inference attacks and defenses on machine learning models",
            2019,
            "https://arxiv.org/abs/1806.01246",
        ),
        Paper(
            "song2021",
            "Song and Mittal",
            "Systematic evaluation of privacy risks of machine learning models",
            2021,
            "https://arxiv.org/abs/2003.10595",
        ),
        Paper(
            "shokri2017",
            "Shokri et al.",
            "Membership inference attacks against machine learning models",
            2017,
            "https://arxiv.org/abs/1610.05820",
        ),
        Paper(
            "ye2022",
            "Ye et al.",
            "Enhanced membership inference attacks against machine learning models",
            2022,
            "https://arxiv.org/abs/2111.09679",
        ),
        Paper(
            "bertran2023",
            "Bertran et al.",
            "Scalable membership inference attacks via quantile regression",
            2023,
            "https://arxiv.org/abs/2307.03694",
        ),
        Paper(
            "choquette2021",
            "Choquette-Choo et al.",
            "Label-only membership inference attacks",
            2021,
            "https://arxiv.org/abs/2007.14321",
        ),
        Paper(
            "li2021",
            "Li and Zhang",
            "Membership leakage in label-only exposures",
            2021,
            "https://arxiv.org/abs/2007.15528",
        ),
        Paper(
            "nasr2019",
            "Nasr et al.",
            "Comprehensive privacy analysis of deep learning: Passive and active white-box inference attacks",
            2019,
            "https://arxiv.org/abs/1812.00910",
        ),
        Paper(
            "carlini2022",
            "Carlini et al.",
            "Membership inference attacks from first principles",
            2022,
            "https://arxiv.org/abs/2112.03570",
        ),
        Paper(
            "zarifzadeh2024",
            "Zarifzadeh et al.",
            "Low-cost high-power membership inference attacks",
            2024,
            "https://arxiv.org/abs/2312.03262",
        ),
        Paper(
            "tao2026",
            "Tao and Shokri",
            "Information-theoretic membership inference for granular quantification of memorization",
            2026,
            "https://arxiv.org/abs/2510.05582",
        ),
        Paper(
            "liu2022",
            "Liu et al.",
            "Membership inference attacks by exploiting loss trajectory",
            2022,
            "https://arxiv.org/abs/2208.14933",
        ),
        Paper(
            "tramer2022",
            "Tramèr et al.",
            "Truth serum: Poisoning machine learning models to reveal their secrets",
            2022,
            "https://arxiv.org/abs/2204.00032",
        ),
        Paper(
            "tramer2016",
            "Tramèr et al.",
            "Stealing machine learning models via prediction APIs",
            2016,
            "https://arxiv.org/abs/1609.02943",
        ),
        Paper(
            "lee2019",
            "Lee et al.",
            "Defending against neural network model stealing attacks using deceptive perturbations",
            2019,
            "https://arxiv.org/abs/1806.00054",
        ),
        Paper(
            "brannvall2026",
            "Brännvall",
            "Exponential-family membership inference: From LiRA and RMIA to BaVarIA",
            2026,
            "https://arxiv.org/abs/2603.11799",
        ),
        Paper(
            "divulge2026",
            "divulge",
            "The learned likelihood ratio (docs/membership.md)",
            2026,
            "https://pypi.org/project/divulge/",
        ),
        Paper(
            "watson2022",
            "Watson et al.",
            "On the importance of difficulty calibration in membership inference attacks",
            2022,
            "https://arxiv.org/abs/2111.08440",
        ),
    )
}
