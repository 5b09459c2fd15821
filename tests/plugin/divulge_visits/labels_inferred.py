"""A metric: how many labels of training records come out."""

from divulge.plugin import Family, Format, Metric, Trials

METRIC = Metric("labels_inferred", Family.RECONSTRUCTION, "training labels inferred", Trials.PAIRED, 0.05, Format.SHARE)
