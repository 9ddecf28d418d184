import Formats

/// md5, sha224 to sha512, and random UUIDs.
enum DigestKernels {
    /// md5(text or bytea): 32 hexadecimal digits.
    static func md5(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        return try TextLoop.write(context) { row, writer throws(SQLError) in
            for byte in unsafe Digests.md5(rows[row]) {
                writer.append(EncodingKernels.hexDigits[Int(byte >> 4)])
                writer.append(EncodingKernels.hexDigits[Int(byte & 15)])
            }
        }
    }

    enum SHA2: String, CaseIterable { case sha224, sha256, sha384, sha512 }

    static func sha2(
        _ kind: SHA2, _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        return try TextLoop.write(context) { row, writer throws(SQLError) in
            switch kind {
            case .sha224: unsafe writer.append(Digests.sha224(rows[row]))
            case .sha256: unsafe writer.append(Digests.sha256(rows[row]))
            case .sha384: unsafe writer.append(Digests.sha384(rows[row]))
            case .sha512: unsafe writer.append(Digests.sha512(rows[row]))
            }
        }
    }

    /// gen_random_uuid(): version 4.
    static func randomUUIDs(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        var generator = SystemRandomNumberGenerator()
        return try TextLoop.write(context) { _, writer throws(SQLError) in
            let (high, low) = (generator.next() as UInt64, generator.next() as UInt64)
            let words = [
                high & ~0xF000 | 0x4000, low & (UInt64.max >> 2) | 1 << 63,
            ]
            for word in words {
                for shift in stride(from: 56, through: 0, by: -8) {
                    writer.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
                }
            }
        }
    }
}

extension FunctionRegistry {
    /// Functions over bytea, encodings, digests, quoting.
    static func addBytes(_ list: inout FunctionList) {
        list.add("get_byte", [.bytea, .integer], .integer, ByteaKernels.getByte)
        list.add("set_byte", [.bytea, .integer, .integer], .bytea, ByteaKernels.setByte)
        list.add("get_bit", [.bytea, .bigint], .integer, ByteaKernels.getBit)
        list.add("set_bit", [.bytea, .bigint, .integer], .bytea, ByteaKernels.setBit)
        list.add("bit_count", [.bytea], .bigint, ByteaKernels.setBits)
        addEncodings(&list)
        addIdentifiers(&list)
        list.add("encode", [.bytea, .text], .text, EncodingKernels.encode)
        list.add("decode", [.text, .text], .bytea, EncodingKernels.decode)
        list.add("md5", [.text], .text, DigestKernels.md5)
        list.add("md5", [.bytea], .text, DigestKernels.md5)
        for kind in DigestKernels.SHA2.allCases {
            list.add(kind.rawValue, [.bytea], .bytea) { arguments, context throws(SQLError) in
                try DigestKernels.sha2(kind, arguments, context)
            }
        }
        list.add(
            "gen_random_uuid", [], .uuid, volatility: .volatile, DigestKernels.randomUUIDs)
        list.add("quote_ident", [.text], .text, QuoteKernels.identifier)
        list.add("quote_literal", [.text], .text, QuoteKernels.literal)
        list.add("quote_nullable", [.text], .text, isStrict: false, QuoteKernels.nullable)
    }

    /// LIKE and its kin, `||`.
    static func addTextOperators(_ list: inout FunctionList) {
        for type in [DataType.text, .bytea] {
            list.add("||", [type, type], type, ConcatKernels.join)
            for name in ["like", "~~"] {
                list.add(name, [type, type], .boolean, LikeKernels.like)
            }
            list.add("!~~", [type, type], .boolean, LikeKernels.negated(LikeKernels.like))
        }
        for type in [DataType.text, .char(1)] {
            for name in ["ilike", "~~*"] {
                list.add(name, [type, .text], .boolean, LikeKernels.ilike)
            }
            list.add("!~~*", [type, .text], .boolean, LikeKernels.negated(LikeKernels.ilike))
        }
        for name in ["like", "~~"] {
            list.add(name, [.char(1), .text], .boolean, LikeKernels.like)
        }
        list.add("!~~", [.char(1), .text], .boolean, LikeKernels.negated(LikeKernels.like))
        list.add("like", [.text, .text, .text], .boolean) { arguments, context throws(SQLError) in
            try LikeKernels.escaped(LikeKernels.like, arguments, context)
        }
        list.add("ilike", [.text, .text, .text], .boolean) { arguments, context throws(SQLError) in
            try LikeKernels.escaped(LikeKernels.ilike, arguments, context)
        }
        list.add(
            Overload(
                "similar to", [.type(.text), .type(.text), .type(.text)]
            ) { types throws(SQLError) in
                ScalarFunction(
                    "similar to", types, .boolean, kernel: try SimilarPattern.matching())
            })
        list.add("^@", [.text, .text], .boolean, SearchKernels.startsWith)
        list.add(
            Overload("similar to", [.type(.text), .type(.text)]) { types throws(SQLError) in
                ScalarFunction(
                    "similar to", types, .boolean, kernel: try SimilarPattern.matching())
            })
    }

    static func addPatterns(_ list: inout FunctionList) {
        list.add("like_escape", [.text, .text], .text, LikeKernels.escape)
        list.add("similar_to_escape", [.text], .text, SimilarPattern.rewrite)
        list.add("similar_to_escape", [.text, .text], .text, SimilarPattern.rewrite)
    }
}
