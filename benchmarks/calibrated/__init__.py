"""Error rates and coverage, by simulation: a module for each part of divulge that promises some."""
