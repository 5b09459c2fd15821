"""The papers that defences come from."""

from divulge.catalog.paper import Paper

DEFENDING = (
    Paper(
        "nasr2018",
        "Nasr, Shokri and Houmansadr",
        "Machine learning with membership privacy using adversarial regularization",
        2018,
        "https://arxiv.org/abs/1807.05852",
    ),
    Paper(
        "kandpal2022",
        "Kandpal, Wallace and Raffel",
        "Deduplicating training data mitigates privacy risks in language models",
        2022,
        "https://arxiv.org/abs/2202.06539",
    ),
    Paper(
        "shejwalkar2021",
        "Shejwalkar and Houmansadr",
        "Membership privacy for machine learning models through knowledge transfer",
        2021,
        "https://arxiv.org/abs/1906.06589",
    ),
    Paper(
        "mcmahan2017",
        "McMahan et al.",
        "Communication-efficient learning of deep networks from decentralized data",
        2017,
        "https://arxiv.org/abs/1602.05629",
    ),
    Paper(
        "lefevre2006",
        "LeFevre, DeWitt and Ramakrishnan",
        "Mondrian multidimensional k-anonymity",
        2006,
        "https://doi.org/10.1109/ICDE.2006.101",
    ),
    Paper(
        "szegedy2016",
        "Szegedy et al.",
        "Rethinking the Inception architecture for computer vision",
        2016,
        "https://arxiv.org/abs/1512.00567",
    ),
    Paper(
        "jia2019",
        "Jia et al.",
        "MemGuard: Defending against black-box membership inference attacks via adversarial examples",
        2019,
        "https://arxiv.org/abs/1909.10594",
    ),
    Paper(
        "goldsteen2022",
        "Goldsteen et al.",
        "Data minimization for GDPR compliance in machine learning models",
        2022,
        "https://arxiv.org/abs/2008.04113",
    ),
    Paper(
        "zhang2018",
        "Zhang et al.",
        "mixup: Beyond empirical risk minimization",
        2018,
        "https://arxiv.org/abs/1710.09412",
    ),
    Paper(
        "papernot2018",
        "Papernot et al.",
        "Scalable private learning with PATE",
        2018,
        "https://arxiv.org/abs/1802.08908",
    ),
    Paper(
        "chen2022",
        "Chen, Yu and Fritz",
        "RelaxLoss: Defending membership inference attacks without losing utility",
        2022,
        "https://arxiv.org/abs/2207.05801",
    ),
    Paper(
        "tang2022",
        "Tang et al.",
        "Mitigating membership inference attacks by self-distillation through a novel ensemble architecture",
        2022,
        "https://arxiv.org/abs/2110.08324",
    ),
    Paper(
        "chen2024b",
        "Chen and Pattabiraman",
        "Overconfidence is a dangerous thing: Mitigating membership inference attacks by enforcing less confident "
        "prediction",
        2024,
        "https://arxiv.org/abs/2307.01610",
    ),
    Paper(
        "aerni2024",
        "Aerni, Zhang and Tramèr",
        "Evaluations of machine learning privacy defenses are misleading",
        2024,
        "https://arxiv.org/abs/2404.17399",
    ),
    Paper(
        "bell2020",
        "Bell et al.",
        "Secure single-server aggregation with (poly)logarithmic overhead",
        2020,
        "https://eprint.iacr.org/2020/704",
    ),
)
