"""From transactions to customers: summary, RFM, cohorts, concentration."""
