import Formats

/// quote_literal and quote_ident.
enum QuoteKernels {
    static func literal(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        return try TextLoop.write(context) { row, writer throws(SQLError) in
            unsafe literal(rows[row], &writer)
        }
    }

    /// NULL without quotes for null.
    static func nullable(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        return try TextLoop.write(context) { row, writer throws(SQLError) in
            if arguments[0].isNull(row) {
                writer.append("NULL")
            } else {
                unsafe literal(rows[row], &writer)
            }
        }
    }

    static func identifier(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        return try TextLoop.write(context) { row, writer throws(SQLError) in
            unsafe identifier(rows[row], &writer)
        }
    }

    static func literal(_ bytes: UnsafeRawBufferPointer, _ writer: inout StringWriter) {
        var hasBackslash = false
        for index in 0..<bytes.count where unsafe bytes[index] == 0x5C { hasBackslash = true }
        if hasBackslash { writer.append(UInt8(ascii: "E")) }
        writer.append(UInt8(ascii: "'"))
        for index in 0..<bytes.count {
            let byte = unsafe bytes[index]
            if byte == 0x27 || byte == 0x5C { writer.append(byte) }
            writer.append(byte)
        }
        writer.append(UInt8(ascii: "'"))
    }

    static func identifier(_ bytes: UnsafeRawBufferPointer, _ writer: inout StringWriter) {
        var isPlain = unsafe !bytes.isEmpty
        for index in 0..<bytes.count {
            switch unsafe bytes[index] {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"): continue
            case UInt8(ascii: "0")...UInt8(ascii: "9") where index > 0: continue
            default: isPlain = false
            }
        }
        if unsafe isPlain && !reservedWords.contains(String(decoding: bytes, as: UTF8.self)) {
            return unsafe writer.append(bytes)
        }
        writer.append(UInt8(ascii: "\""))
        for index in 0..<bytes.count {
            if unsafe bytes[index] == 0x22 { writer.append(0x22 as UInt8) }
            unsafe writer.append(bytes[index])
        }
        writer.append(UInt8(ascii: "\""))
    }

    /// PostgreSQL's keywords that are not plain ("unreserved") ones.
    static let reservedWords = Set(
        """
        all analyse analyze and any array as asc asymmetric authorization between bigint binary
        bit boolean both case cast char character check coalesce collate collation column
        concurrently constraint create cross current_catalog current_date current_role
        current_schema current_time current_timestamp current_user dec decimal default
        deferrable desc distinct do else end except exists extract false fetch float for
        foreign freeze from full grant greatest group grouping having ilike in initially inner
        inout int integer intersect interval into is isnull join lateral leading least left
        like limit localtime localtimestamp national natural nchar none normalize not notnull
        null nullif numeric offset on only or order out outer overlaps overlay placing position
        precision primary real references returning right row select session_user setof similar
        smallint some substring symmetric table tablesample then time timestamp to trailing
        treat trim true union unique user using values varchar variadic verbose when where
        window with xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces
        xmlparse xmlpi xmlroot xmlserialize xmltable
        """.split(whereSeparator: { $0 == " " || $0 == "\n" }).map(String.init))
}
