import Platform

/// What a word may go on as, in columns down the screen as the shells list it.
struct CandidateList {
    private let names: [String]
    private let left: Int

    /// More of them are no help to anyone.
    private static let namesMax = 120

    init(_ all: [String], max: Int = namesMax) {
        names = Array(all.prefix(max))
        left = all.count - names.count
    }

    func text(columns: Int) -> String {
        let shown = names.map { DisplayText($0) }
        let width = (shown.map(\.width).max() ?? 0) + 2
        let across = max(1, columns / max(1, width))
        let rows = (shown.count + across - 1) / across
        var out = ""
        for row in 0..<rows {
            for index in stride(from: row, to: shown.count, by: rows) {
                out += shown[index].text
                guard index + rows < shown.count else { break }
                out += String(repeating: " ", count: width - shown[index].width)
            }
            out += "\n"
        }
        return left > 0 ? out + "... and \(left) more\n" : out
    }
}
