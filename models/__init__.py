"""The scorer: booster, calibration, thresholds, reasons, the versioned artefact, and evaluation."""
