let functionCases = ""
