import Formats

/// How the columns of a result are drawn.
enum ChartShape: Equatable {
    /// A bar a row: the column of numbers, and those that name the row.
    case bars(value: Int, labels: [Int])
    /// A line a name over time: points in the order of the rows.
    case linesByName(value: Int, labels: [Int])
    /// A line a column of numbers.
    case linesByColumn([Int])

    /// Numbers are drawn and the rest names them; with a column of times and other names each name
    /// is a line; several columns of numbers are a line each.
    init(_ columns: [Field]) throws(SQLError) {
        let numbers = columns.indices.filter { columns[$0].type.isNumber }
        let times = columns.indices.filter { columns[$0].type.isTime }
        let names = columns.indices.filter { !numbers.contains($0) && !times.contains($0) }
        guard let first = numbers.first else {
            throw SQLError(
                "format chart needs a column of numbers", .datatypeMismatch,
                hint: "SELECT a name and a number, such as a count.")
        }
        if !times.isEmpty, !names.isEmpty {
            self = .linesByName(value: numbers[numbers.count - 1], labels: names)
        } else if numbers.count > 1, names.isEmpty, !times.isEmpty || numbers.count > 2 {
            self = .linesByColumn(numbers)
        } else if numbers.count > 1, names.isEmpty, times.isEmpty {
            // A number that names the row: an id, an hour.
            self = .bars(value: numbers[1], labels: [first])
        } else {
            self = .bars(value: numbers[numbers.count - 1], labels: times + names)
        }
    }
}

/// The values of a chart in the order of their rows, drawn as text. Knows no terminal.
struct ChartText {
    private let shape: ChartShape
    private let columns: [Field]
    private let width: Int
    private let settings: TextSettings
    private let timeColumn: Int?

    struct Point {
        var label: String
        /// By column of numbers; one for bars and lines by name.
        var values: [Double]
        var texts: [String]
        /// Where the point of a line stands; nil: there is no column of times.
        var time: String?
    }

    /// Points of a line; older ones have left it.
    static let pointsMax = 60
    private static let labelWidthMax = 32
    private static let levels = Array("▁▂▃▄▅▆▇█")
    private static let eighths = Array(" ▏▎▍▌▋▊▉")

    init(
        _ shape: ChartShape, _ columns: [Field], width: Int,
        _ settings: TextSettings = TextSettings()
    ) {
        self.shape = shape
        self.columns = columns
        self.width = width
        self.settings = settings
        timeColumn = columns.firstIndex { $0.type.isTime }
    }

    func point(_ batch: Batch, _ row: Int) -> Point {
        let (values, labels): ([Int], [Int]) =
            switch shape {
            case .bars(let value, let labels), .linesByName(let value, let labels):
                ([value], labels)
            case .linesByColumn(let values): (values, [])
            }
        let texts = values.map { RowText.text(batch.columns[$0], row, settings) ?? "" }
        return Point(
            label: labels.map { RowText.text(batch.columns[$0], row, settings) ?? "NULL" }
                .joined(separator: " "),
            values: texts.map { Double($0) ?? 0 }, texts: texts.map(Self.shortened),
            time: timeColumn.flatMap { RowText.text(batch.columns[$0], row, settings) })
    }

    /// As many digits of a fraction as a person reads: 86.0000000000000000 is 86.
    private static func shortened(_ text: String) -> String {
        guard let point = text.firstIndex(of: "."),
            text.distance(from: point, to: text.endIndex) > 5,
            let value = Double(text), value.magnitude < 1e11, text.last?.isNumber == true,
            !text.contains("e")
        else { return text }
        let scale = value.magnitude < 1 ? 1e6 : 1e4
        let rounded = "\((value * scale).rounded() / scale)"
        return rounded.hasSuffix(".0") ? String(rounded.dropLast(2)) : rounded
    }

    func lines(_ points: [Point]) -> [String] {
        switch shape {
        case .bars: return bars(points)
        case .linesByName:
            var order: [String] = []
            var series: [String: [Point]] = [:]
            for point in points {
                if series[point.label] == nil { order.append(point.label) }
                series[point.label, default: []].append(point)
            }
            return sparklines(
                order.map { name in
                    let points = series[name] ?? []
                    return Series(
                        name: name, values: points.map { $0.values[0] },
                        last: points.last?.texts[0], times: points.compactMap(\.time))
                })
        case .linesByColumn(let numbers):
            return sparklines(
                numbers.indices.map { index in
                    Series(
                        name: columns[numbers[index]].name,
                        values: points.map { $0.values[index] },
                        last: points.last?.texts[index], times: points.compactMap(\.time))
                })
        }
    }

    private struct Series {
        var name: String
        var values: [Double]
        var last: String?
        var times: [String]
    }

    private func bars(_ points: [Point]) -> [String] {
        let labels = points.map { DisplayText($0.label).cut(to: Self.labelWidthMax) }
        let labelWidth = labels.map(\.width).max() ?? 0
        let numberWidth = points.map { $0.texts[0].count }.max() ?? 0
        let finite = points.map { $0.values[0] }.filter(\.isFinite)
        let largest = finite.map(\.magnitude).max() ?? 0
        let room = max(8, width - labelWidth - numberWidth - 3)
        return zip(points, labels).map { point, label in
            let padding = String(repeating: " ", count: labelWidth - label.width)
            let number = String(repeating: " ", count: numberWidth - point.texts[0].count)
            let bar = self.bar(point.values[0], of: largest, room)
            return (label.text + padding + " " + number + point.texts[0] + " " + bar).trimmed
        }
    }

    /// A line of one point, on a scale that others have set.
    func line(_ point: Point, largest: Double) -> String {
        let bar = self.bar(point.values[0], of: largest, max(8, min(40, width / 2)))
        return ([point.label].filter { !$0.isEmpty } + point.texts + [bar])
            .joined(separator: " ").trimmed
    }

    /// Eighths of a column; negative values are drawn with a lighter shade.
    private func bar(_ value: Double, of largest: Double, _ room: Int) -> String {
        guard largest > 0, value.isFinite else { return "" }
        let eighths = Int((value.magnitude / largest * Double(room * 8)).rounded())
        guard value >= 0 else {
            return String(repeating: "░", count: max(1, eighths / 8))
        }
        let rest = eighths % 8
        return String(repeating: "█", count: eighths / 8)
            + (rest > 0 ? String(Self.eighths[rest]) : "")
    }

    private func sparklines(_ series: [Series]) -> [String] {
        let labels = series.map { DisplayText($0.name).cut(to: Self.labelWidthMax) }
        let labelWidth = labels.map(\.width).max() ?? 0
        let room = max(8, min(Self.pointsMax, width - labelWidth - 24))
        let lines = zip(series, labels).map { entry, label in
            let padding = String(repeating: " ", count: labelWidth - label.width)
            let line = spark(Array(entry.values.suffix(room)))
            return "\(label.text)\(padding) \(line) \(entry.last ?? "")".trimmed
        }
        // The span of what is shown stands below; text of times is in their order.
        guard let first = series.compactMap({ $0.times.suffix(room).first }).min(),
            let last = series.compactMap(\.times.last).max(), first < last
        else { return lines }
        let span = DisplayText("\(first) to \(last)").cut(to: max(8, width - labelWidth - 1)).text
        return lines + [String(repeating: " ", count: labelWidth + 1) + span]
    }

    /// Between the least and the largest of the values.
    private func spark(_ values: [Double]) -> String {
        let finite = values.filter(\.isFinite)
        guard let low = finite.min(), let high = finite.max() else { return "" }
        return String(
            values.map { value -> Character in
                guard value.isFinite else { return " " }
                guard high > low else { return Self.levels[3] }
                return Self.levels[Int(((value - low) / (high - low) * 7).rounded())]
            })
    }
}

extension String {
    /// Without blanks at the end.
    fileprivate var trimmed: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
