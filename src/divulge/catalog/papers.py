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
        Paper(
            "fredrikson2014",
            "Fredrikson et al.",
            "Privacy in pharmacogenetics: An end-to-end case study of personalized warfarin dosing",
            2014,
            "https://www.usenix.org/conference/usenixsecurity14/technical-sessions/presentation/fredrikson_matthew",
        ),
        Paper(
            "fredrikson2015",
            "Fredrikson et al.",
            "Model inversion attacks that exploit confidence information and basic countermeasures",
            2015,
            "https://doi.org/10.1145/2810103.2813677",
        ),
        Paper(
            "phong2018",
            "Phong et al.",
            "Privacy-preserving deep learning via additively homomorphic encryption",
            2018,
            "https://doi.org/10.1109/TIFS.2017.2787987",
        ),
        Paper(
            "nicolae2018",
            "Nicolae et al.",
            "Adversarial Robustness Toolbox v1.0.0",
            2018,
            "https://arxiv.org/abs/1807.01069",
        ),
        Paper("zhu2019", "Zhu et al.", "Deep leakage from gradients", 2019, "https://arxiv.org/abs/1906.08935"),
        Paper(
            "yang2019",
            "Yang et al.",
            "Neural network inversion in adversarial setting via background knowledge alignment",
            2019,
            "https://doi.org/10.1145/3319535.3354261",
        ),
        Paper(
            "he2019",
            "He et al.",
            "Model inversion attacks against collaborative inference",
            2019,
            "https://doi.org/10.1145/3359789.3359824",
        ),
        Paper(
            "zhao2020",
            "Zhao et al.",
            "iDLG: Improved deep leakage from gradients",
            2020,
            "https://arxiv.org/abs/2001.02610",
        ),
        Paper(
            "geiping2020",
            "Geiping et al.",
            "Inverting gradients - how easy is it to break privacy in federated learning?",
            2020,
            "https://arxiv.org/abs/2003.14053",
        ),
        Paper(
            "salem2020",
            "Salem et al.",
            "Updates-leak: Data set inference and reconstruction attacks in online learning",
            2020,
            "https://arxiv.org/abs/1904.01067",
        ),
        Paper(
            "song2020",
            "Song and Raghunathan",
            "Information leakage in embedding models",
            2020,
            "https://arxiv.org/abs/2004.00053",
        ),
        Paper(
            "zhang2020",
            "Zhang et al.",
            "The secret revealer: Generative model-inversion attacks against deep neural networks",
            2020,
            "https://arxiv.org/abs/1911.07135",
        ),
        Paper(
            "yin2021",
            "Yin et al.",
            "See through gradients: Image batch recovery via GradInversion",
            2021,
            "https://arxiv.org/abs/2104.07586",
        ),
        Paper(
            "mehnaz2022",
            "Mehnaz et al.",
            "Are your sensitive attributes private? Novel model inversion attribute inference attacks on "
            "classification models",
            2022,
            "https://arxiv.org/abs/2201.09370",
        ),
        Paper(
            "jayaraman2022",
            "Jayaraman and Evans",
            "Are attribute inference attacks just imputation?",
            2022,
            "https://arxiv.org/abs/2209.01292",
        ),
        Paper(
            "dimitrov2022",
            "Dimitrov et al.",
            "Data leakage in federated averaging",
            2022,
            "https://arxiv.org/abs/2206.12395",
        ),
        Paper(
            "fowl2022",
            "Fowl et al.",
            "Robbing the fed: Directly obtaining private data in federated learning with modified models",
            2022,
            "https://arxiv.org/abs/2110.13057",
        ),
        Paper(
            "wen2022",
            "Wen et al.",
            "Fishing for user data in large-batch federated learning via gradient magnification",
            2022,
            "https://arxiv.org/abs/2202.00580",
        ),
        Paper(
            "haim2022",
            "Haim et al.",
            "Reconstructing training data from trained neural networks",
            2022,
            "https://arxiv.org/abs/2206.07758",
        ),
        Paper(
            "balle2022",
            "Balle et al.",
            "Reconstructing training data with informed adversaries",
            2022,
            "https://arxiv.org/abs/2201.04845",
        ),
        Paper(
            "kahla2022",
            "Kahla et al.",
            "Label-only model inversion attacks via boundary repulsion",
            2022,
            "https://arxiv.org/abs/2203.01925",
        ),
        Paper(
            "struppek2022",
            "Struppek et al.",
            "Plug & play attacks: Towards robust and flexible model inversion attacks",
            2022,
            "https://arxiv.org/abs/2201.12179",
        ),
        Paper(
            "boenisch2023",
            "Boenisch et al.",
            "When the curious abandon honesty: Federated learning is not private",
            2023,
            "https://arxiv.org/abs/2112.02918",
        ),
        Paper(
            "petrov2024",
            "Petrov et al.",
            "DAGER: Exact gradient inversion for large language models",
            2024,
            "https://arxiv.org/abs/2405.15586",
        ),
        Paper(
            "bertran2024",
            "Bertran et al.",
            "Reconstruction attacks on machine unlearning: Simple models are vulnerable",
            2024,
            "https://arxiv.org/abs/2405.20272",
        ),
        Paper(
            "alistarh2017",
            "Alistarh et al.",
            "QSGD: Communication-efficient SGD via gradient quantization and encoding",
            2017,
            "https://arxiv.org/abs/1610.02132",
        ),
        Paper(
            "lin2018",
            "Lin et al.",
            "Deep gradient compression: Reducing the communication bandwidth for distributed training",
            2018,
            "https://arxiv.org/abs/1712.01887",
        ),
        Paper(
            "abadi2016",
            "Abadi et al.",
            "Deep learning with differential privacy",
            2016,
            "https://arxiv.org/abs/1607.00133",
        ),
    )
}
