/// The text of descriptions and details. Paragraphs are separated by blank lines; lines indented by
/// four spaces stand as they are; `code` is literal; {name} refers to an option of the command.
enum Markup {
    enum Block: Equatable {
        case paragraph([Span])
        case literal([String])
    }

    enum Span: Equatable {
        case text(String)
        case code(String)
        case option(String)
    }

    static func blocks(_ text: String) -> [Block] {
        var blocks: [Block] = []
        var paragraph: [Substring] = []
        var literal: [String] = []
        func close() {
            if !paragraph.isEmpty {
                blocks.append(.paragraph(spans(paragraph.joined(separator: " "))))
            }
            if !literal.isEmpty { blocks.append(.literal(literal)) }
            paragraph = []
            literal = []
        }
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("    ") {
                if !paragraph.isEmpty { close() }
                literal.append(String(line.dropFirst(4)))
            } else if line.isEmpty {
                close()
            } else {
                if !literal.isEmpty { close() }
                paragraph.append(line)
            }
        }
        close()
        return blocks
    }

    static func spans(_ text: String) -> [Span] {
        var spans: [Span] = []
        var rest = text[...]
        while let opening = rest.firstIndex(where: { $0 == "`" || $0 == "{" }) {
            let isCode = rest[opening] == "`"
            let inner = rest[rest.index(after: opening)...]
            guard let closing = inner.firstIndex(of: isCode ? "`" : "}") else {
                preconditionFailure("\"\(text)\" opens what it does not close")
            }
            if opening > rest.startIndex { spans.append(.text(String(rest[..<opening]))) }
            let content = String(inner[..<closing])
            spans.append(isCode ? .code(content) : .option(content))
            rest = inner[inner.index(after: closing)...]
        }
        if !rest.isEmpty { spans.append(.text(String(rest))) }
        return spans
    }

    /// The spans as plain text; `reference` says how an option is named.
    static func plain(_ spans: [Span], reference: (String) -> String) -> String {
        spans.map { span in
            switch span {
            case .text(let text), .code(let text): text
            case .option(let name): reference(name)
            }
        }.joined()
    }
}
