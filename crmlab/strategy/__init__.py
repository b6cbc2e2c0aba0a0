"""The CRM frameworks, running: definitions, Swift's cycle, Gartner's blocks, decisions on value, programmes, success."""
