/// How a column's text becomes a value of JSON: chosen once a table from type and settings.
struct ValueForm: BitwiseCopyable, Equatable {
    enum Kind: UInt8 {
        case boolean
        /// Digits that are a JSON number as they stand.
        case integer
        /// The same, but for NaN and the infinities, which become strings.
        case number
        /// Quoted as it stands: nothing in it needs an escape.
        case plain
        case text
        /// JSON inside the row; `json` may hold line ends, `jsonb` never does.
        case json, jsonb
        case decimalPrecise, decimalVariable, decimalDouble
        /// Money loses its sign and commas, then is the decimal of `element`.
        case money
        case base64, base64URL, hex
        case dateDays, dateISO
        case timeNumber, timeISO
        case timetzUTC
        case timestampNumber, timestampISO
        case timestamptz
        case intervalNumber, intervalISO
        case bit, bits
        case point
        case array
        case hstore, hstoreText
        case sha256, length, truncate, stars
        /// Not written at all.
        case dropped
    }

    var kind: Kind
    /// Decimals: the scale. Times as numbers: units a second. Truncation: characters. Arrays: the
    /// separator. ISO times: 1 with a Z behind. Intervals: 1 with all their parts.
    var modifier: Int32 = 0
    /// Of an array's element or money's decimal: index into the table's forms.
    var element: Int16 = -1

    init(_ kind: Kind, _ modifier: Int32 = 0, element: Int16 = -1) {
        self.kind = kind
        self.modifier = modifier
        self.element = element
    }
}

/// Chooses forms: by the rules of Debezium, or by those of formats that a person reads.
struct FormChooser {
    let settings: EnvelopeSettings
    /// Times as ISO 8601 text, JSON inside the row, geometry as the server writes it.
    let isReadable: Bool
    var forms: [ValueForm] = []

    init(_ settings: EnvelopeSettings, isReadable: Bool) {
        self.settings = settings
        self.isReadable = isReadable
    }

    mutating func form(_ column: CapturedColumn, of table: CapturedTable) -> ValueForm {
        for mask in settings.masks where mask.covers(column, of: table) {
            switch mask.method {
            case .sha256: return ValueForm(.sha256)
            case .length: return ValueForm(.length)
            case .truncate(let count): return ValueForm(.truncate, Int32(clamping: count))
            case .stars(let count): return ValueForm(.stars, Int32(clamping: count))
            case .drop: return ValueForm(.dropped)
            }
        }
        if !settings.includedColumns.isEmpty,
            !table.key.contains(where: { table.columns[$0].name == column.name }),
            !settings.includedColumns.contains(where: { $0.covers(column, of: table) })
        {
            return ValueForm(.dropped)
        }
        return form(column.type, column.modifier)
    }

    private mutating func form(_ type: ColumnType, _ modifier: Int32) -> ValueForm {
        switch type.category {
        case .array:
            guard let element = type.element, let own = Int16(exactly: forms.count) else {
                return ValueForm(.text)
            }
            // The place is taken before the element's own elements take theirs.
            forms.append(ValueForm(.text))
            forms[Int(own)] = form(element, modifier)
            return ValueForm(.array, Int32(element.delimiter), element: own)
        case .enumeration, .composite, .range, .multirange: return ValueForm(.text)
        case .base: return base(type, modifier)
        }
    }

    private mutating func base(_ type: ColumnType, _ modifier: Int32) -> ValueForm {
        switch type.oid {
        case 16: return ValueForm(.boolean)
        case 20, 21, 23, 26: return ValueForm(.integer)
        case 700, 701: return ValueForm(.number)
        case 1700: return decimal(scale: modifier < 4 ? nil : (modifier - 4) & 0x7FF, modifier)
        case 790:
            guard let own = Int16(exactly: forms.count) else { return ValueForm(.text) }
            forms.append(decimal(scale: 2, 0))
            return ValueForm(.money, element: own)
        case 17: return binary
        case 1082: return date
        case 1083: return time(modifier)
        case 1266: return isReadable ? ValueForm(.plain) : ValueForm(.timetzUTC)
        case 1114: return timestamp(modifier)
        case 1184: return ValueForm(.timestamptz)
        case 1186: return interval
        case 1560, 1562:
            if isReadable { return ValueForm(.plain) }
            return ValueForm(type.oid == 1560 && modifier == 1 ? .bit : .bits)
        case 114: return embedded(.json)
        case 3802: return embedded(.jsonb)
        case 600: return ValueForm(isReadable ? .text : .point)
        case 2950: return ValueForm(.plain)
        default: return extended(type)
        }
    }

    /// Types of extensions have no fixed OID.
    private func extended(_ type: ColumnType) -> ValueForm {
        switch type.name {
        case "hstore":
            return ValueForm(isReadable || settings.hstores == .map ? .hstore : .hstoreText)
        case "vector", "halfvec": return ValueForm(.jsonb)
        default: return ValueForm(.text)
        }
    }

    private func embedded(_ kind: ValueForm.Kind) -> ValueForm {
        ValueForm(isReadable && !settings.jsonIsText ? kind : .text)
    }

    private func decimal(scale: Int32?, _ modifier: Int32) -> ValueForm {
        switch settings.decimals {
        case .number: return ValueForm(.number)
        case .string: return ValueForm(.plain)
        case .double: return ValueForm(.decimalDouble)
        case .precise:
            guard let scale else { return ValueForm(.decimalVariable) }
            // Eleven bits, signed since PostgreSQL 15.
            return ValueForm(.decimalPrecise, scale >= 1024 ? scale - 2048 : scale)
        }
    }

    private var binary: ValueForm {
        switch settings.binaries {
        case .bytes, .base64: ValueForm(.base64)
        case .base64URLSafe: ValueForm(.base64URL)
        case .hex: ValueForm(.hex)
        }
    }

    private var date: ValueForm {
        if isReadable { return ValueForm(.plain) }
        return settings.times == .isostring ? ValueForm(.dateISO, 1) : ValueForm(.dateDays)
    }

    private func time(_ modifier: Int32) -> ValueForm {
        if isReadable { return ValueForm(.plain) }
        switch settings.times {
        case .adaptive:
            return ValueForm(.timeNumber, modifier >= 0 && modifier <= 3 ? 1_000 : 1_000_000)
        case .connect: return ValueForm(.timeNumber, 1_000)
        case .adaptiveTimeMicroseconds, .microseconds: return ValueForm(.timeNumber, 1_000_000)
        case .nanoseconds: return ValueForm(.timeNumber, 1_000_000_000)
        case .isostring: return ValueForm(.timeISO)
        }
    }

    private func timestamp(_ modifier: Int32) -> ValueForm {
        if isReadable { return ValueForm(.timestampISO) }
        switch settings.times {
        case .adaptive, .adaptiveTimeMicroseconds:
            return ValueForm(.timestampNumber, modifier >= 0 && modifier <= 3 ? 1_000 : 1_000_000)
        case .connect: return ValueForm(.timestampNumber, 1_000)
        case .microseconds: return ValueForm(.timestampNumber, 1_000_000)
        case .nanoseconds: return ValueForm(.timestampNumber, 1_000_000_000)
        case .isostring: return ValueForm(.timestampISO, 1)
        }
    }

    private var interval: ValueForm {
        if isReadable { return ValueForm(.intervalISO) }
        return settings.intervals == .numeric
            ? ValueForm(.intervalNumber) : ValueForm(.intervalISO, 1)
    }
}
