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
        Paper("lowd2005", "Lowd and Meek", "Adversarial learning", 2005, "https://doi.org/10.1145/1081870.1081950"),
        Paper(
            "correiasilva2018",
            "Correia-Silva et al.",
            "Copycat CNN: Stealing knowledge by persuading confession with random non-labeled data",
            2018,
            "https://arxiv.org/abs/1806.05476",
        ),
        Paper(
            "orekondy2019",
            "Orekondy et al.",
            "Knockoff Nets: Stealing functionality of black-box models",
            2019,
            "https://arxiv.org/abs/1812.02766",
        ),
        Paper(
            "orekondy2020",
            "Orekondy et al.",
            "Prediction Poisoning: Towards defenses against DNN model stealing attacks",
            2020,
            "https://arxiv.org/abs/1906.10908",
        ),
        Paper(
            "jagielski2020",
            "Jagielski et al.",
            "High accuracy and high fidelity extraction of neural networks",
            2020,
            "https://arxiv.org/abs/1909.01838",
        ),
        Paper(
            "carlini2020",
            "Carlini, Jagielski and Mironov",
            "Cryptanalytic extraction of neural network models",
            2020,
            "https://arxiv.org/abs/2003.04884",
        ),
        Paper(
            "carlini2024",
            "Carlini et al.",
            "Stealing part of a production language model",
            2024,
            "https://arxiv.org/abs/2403.06634",
        ),
        Paper(
            "papernot2017",
            "Papernot et al.",
            "Practical black-box attacks against machine learning",
            2017,
            "https://arxiv.org/abs/1602.02697",
        ),
        Paper(
            "pal2020",
            "Pal et al.",
            "ActiveThief: Model extraction using active learning and unannotated public data",
            2020,
            "https://doi.org/10.1609/aaai.v34i01.5432",
        ),
        Paper("truong2021", "Truong et al.", "Data-free model extraction", 2021, "https://arxiv.org/abs/2011.14779"),
        Paper(
            "wang2018",
            "Wang and Gong",
            "Stealing hyperparameters in machine learning",
            2018,
            "https://arxiv.org/abs/1802.05351",
        ),
        Paper(
            "oh2018",
            "Oh et al.",
            "Towards reverse-engineering black-box neural networks",
            2018,
            "https://arxiv.org/abs/1711.01768",
        ),
        Paper(
            "juuti2019",
            "Juuti et al.",
            "PRADA: Protecting against DNN model stealing attacks",
            2019,
            "https://arxiv.org/abs/1805.02628",
        ),
        Paper(
            "chen2024",
            "Chen et al.",
            "Hard-label cryptanalytic extraction of neural network models",
            2024,
            "https://arxiv.org/abs/2409.11646",
        ),
    )
}
