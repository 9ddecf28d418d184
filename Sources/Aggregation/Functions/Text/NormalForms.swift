@_spi(_Unicode) import Swift
import Formats

extension FunctionRegistry {
    /// normalize() and IS NORMALIZED.
    static func addNormalForms(_ list: inout FunctionList) {
        for types: [DataType] in [[.text], [.text, .text]] {
            list.add("normalize", types, .text) { arguments, context throws(SQLError) in
                try RowLoop.build(arguments, context) { row, builder throws(SQLError) in
                    builder.append(text: try NormalForm(arguments, row).normalised)
                }
            }
        }
        list.add("is_normalized", [.text, .text], .boolean) {
            arguments, context throws(SQLError) in
            try RowLoop.booleans(arguments, context) { row throws(SQLError) in
                let form = try NormalForm(arguments, row)
                return form.normalised.unicodeScalars.elementsEqual(form.text.unicodeScalars)
            }
        }
    }
}

/// A text and the form that is asked for. The tables are those of the standard library, which has
/// none of the compatibility forms.
private struct NormalForm {
    let text: String
    private let isComposed: Bool

    init(_ arguments: [Column], _ row: Int) throws(SQLError) {
        text = if case .text(let text) = arguments[0].value(row) { text } else { "" }
        var form = "NFC"
        if arguments.count > 1, case .text(let name) = arguments[1].value(row) {
            form = name.uppercased()
        }
        switch form {
        case "NFC": isComposed = true
        case "NFD": isComposed = false
        case "NFKC", "NFKD":
            // Without characters beyond ASCII all forms are one.
            guard text.utf8.allSatisfy({ $0 < 0x80 }) else {
                throw SQLError(
                    "normalization form \(form) is not supported", .featureNotSupported,
                    hint: "NFC and NFD are.")
            }
            isComposed = true
        default:
            throw SQLError("invalid normalization form: \(form)", .invalidParameterValue)
        }
    }

    var normalised: String {
        var scalars = String.UnicodeScalarView()
        if isComposed {
            for scalar in text._nfc { scalars.append(scalar) }
        } else {
            for scalar in text._nfd { scalars.append(scalar) }
        }
        return String(scalars)
    }
}
