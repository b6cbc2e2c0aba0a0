"""The CRM frameworks, running: definitions, cycle, maturity, decisions on value, programmes, measures of success."""
