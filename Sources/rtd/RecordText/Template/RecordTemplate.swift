import Formats

/// The format string of `-f`, the same for `consume`, which prints by it, and `produce`, which
/// reads by it. kcat's letters and rpk's, with kcat's meaning where they disagree.
///
///     %t topic          %k key            %v %s value       %h headers as name=value,...
///     %p partition      %K key length     %V %S its length  %H how many headers
///     %o offset         %T %d timestamp   %R %V{big32}      %h{...} once for each header
///     %e leader epoch   %x producer id    %y its epoch      %i record number, from 1
///     %a{...} attribute: compression, timestamp-type, transactional-bit, control-bit
///     %% %{ %}  \n \r \t \0 \e \\ \xNN
///
/// In braces behind a text: `hex`, `base64`, `base64raw` (no padding), or its length when read;
/// behind a number: `ascii`, `hex64 hex32 hex16 hex8 hex4`, `big64 big32 big16 big8`, `little64` to
/// `little8`, `byte`, `bool`; behind `%d` or `%T` also a date by strftime: `%d{%F %T}` or
/// `%d{strftime[%F %T]}`. Lengths are in bytes, -1 for null. In `%h{...}` the letters k, v, K and V
/// mean the header.
struct RecordTemplate: Sendable, Equatable {
    indirect enum Item: Sendable, Equatable {
        case literal([UInt8])
        case text(TextField, TextEncoding)
        case number(NumberField, NumberEncoding)
        case date(StrftimeFormat)
        /// All headers as kcat prints them.
        case headerList
        case eachHeader([Item])
        /// The codec's name.
        case compression
    }

    enum TextField: Sendable, Equatable {
        case topic, key, value
    }

    enum TextEncoding: Sendable, Equatable {
        case raw, hex, base64, base64Unpadded
        /// So many bytes; for reading only.
        case sized(Int)
    }

    enum NumberField: Sendable, Equatable {
        case partition, offset, keyLength, valueLength, timestamp, headerCount, leaderEpoch
        case producerID, producerEpoch, recordNumber, timestampType, transactionalBit, controlBit
    }

    enum NumberEncoding: Sendable, Equatable {
        case decimal, boolean
        /// So many bytes, 1 to 8.
        case bigEndian(Int)
        case littleEndian(Int)
        /// So many hexadecimal digits.
        case hex(Int)
    }

    let items: [Item]

    /// Throws a usage error that names the part that means nothing.
    init(_ text: String) throws(RecordTextError) {
        var parser = TemplateParser(text)
        items = try parser.items(depth: 0)
    }
}
