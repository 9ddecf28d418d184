// Literal and semantic types of columns, by the forms of their values.
extension ConnectSchemas {
    func schema(
        _ form: ValueForm, _ column: CapturedColumn, _ plan: TablePlan
    ) -> ConnectSchema {
        let type = column.type
        switch form.kind {
        case .boolean, .bit: return ConnectSchema(.boolean)
        case .integer:
            switch type.oid {
            case 21: return ConnectSchema(.int16)
            case 23: return ConnectSchema(.int32)
            default: return ConnectSchema(.int64)
            }
        case .number: return ConnectSchema(type.oid == 700 ? .float : .double)
        case .decimalDouble: return ConnectSchema(.double)
        case .decimalPrecise: return decimal(form, column)
        case .decimalVariable: return Self.variableScale
        case .money: return schema(plan.forms[Int(form.element)], column, plan)
        case .base64: return ConnectSchema(settings.binaries == .base64 ? .string : .bytes)
        case .bits:
            // One without a length may have any.
            let length = column.modifier > 0 ? Int(column.modifier) : Int(Int32.max)
            var bits = ConnectSchema.semantic(.bytes, "io.debezium.data.Bits")
            bits.parameters = [("length", "\(length)")]
            return bits
        case .length: return ConnectSchema(.int64)
        case .point: return Self.point
        case .array:
            let element = CapturedColumn(
                name: column.name, type: type.element ?? type, modifier: column.modifier)
            return ConnectSchema(
                .array(schema(plan.forms[Int(form.element)], element, plan).optional))
        case .hstore: return ConnectSchema(.map)
        case .hstoreText: return .semantic(.string, "io.debezium.data.Json")
        case .plain where isForAvro && (type.oid == 1700 || type.oid == 790):
            return digits(column)
        case .text, .plain, .json, .jsonb: return text(type)
        default: return time(form)
        }
    }

    private static let variableScale: ConnectSchema = {
        var schema = ConnectSchema.semantic(
            .structure([
                .init("scale", ConnectSchema(.int32)), .init("value", ConnectSchema(.bytes)),
            ]), "io.debezium.data.VariableScaleDecimal")
        schema.documentation = "Variable scaled decimal"
        return schema
    }()

    private static let point: ConnectSchema = {
        var schema = ConnectSchema.semantic(
            .structure([
                .init("x", ConnectSchema(.double)), .init("y", ConnectSchema(.double)),
                .init("wkb", ConnectSchema(.bytes).optional),
                .init("srid", ConnectSchema(.int32).optional),
            ]), "io.debezium.data.geometry.Point")
        schema.documentation = "Geometry (POINT)"
        return schema
    }()

    private func decimal(_ form: ValueForm, _ column: CapturedColumn) -> ConnectSchema {
        let digits = column.type.oid == 1700 ? column.length : nil
        // Avro has no decimals whose scale is negative or larger than their precision.
        if isForAvro, form.modifier < 0 || digits.map({ form.modifier > $0 }) == true {
            return Self.variableScale
        }
        var schema = ConnectSchema.semantic(.bytes, ConnectSchema.decimalName)
        schema.parameters = [("scale", "\(form.modifier)")]
        if let digits = digits {
            schema.parameters.append((ConnectSchema.precisionParameter, "\(digits)"))
        }
        return schema
    }

    /// A number as text, which says what it is as `column.propagate.source.type` does.
    private func digits(_ column: CapturedColumn) -> ConnectSchema {
        let isMoney = column.type.oid == 790
        var schema = ConnectSchema(.string)
        schema.parameters = [("__debezium.source.column.type", isMoney ? "MONEY" : "NUMERIC")]
        if !isMoney, let length = column.length, let scale = column.scale {
            schema.parameters += [
                ("__debezium.source.column.length", "\(length)"),
                ("__debezium.source.column.scale", "\(scale)"),
            ]
        }
        return schema
    }

    private func text(_ type: ColumnType) -> ConnectSchema {
        if type.category == .enumeration {
            var schema = ConnectSchema.semantic(.string, "io.debezium.data.Enum")
            schema.parameters = [("allowed", type.labels.joined(separator: ","))]
            return schema
        }
        switch type.oid {
        case 114, 3802: return .semantic(.string, "io.debezium.data.Json")
        case 142: return .semantic(.string, "io.debezium.data.Xml")
        case 2950: return .semantic(.string, "io.debezium.data.Uuid")
        case 3614: return .semantic(.string, "io.debezium.data.Tsvector")
        case _ where type.name == "ltree": return .semantic(.string, "io.debezium.data.Ltree")
        case _ where isForAvro && type.name == "vector":
            return .semantic(.array(ConnectSchema(.double)), "io.debezium.data.DoubleVector")
        case _ where isForAvro && type.name == "halfvec":
            return .semantic(.array(ConnectSchema(.float)), "io.debezium.data.FloatVector")
        default: return ConnectSchema(.string)
        }
    }

    private func time(_ form: ValueForm) -> ConnectSchema {
        let connect = "org.apache.kafka.connect.data."
        let debezium = "io.debezium.time."
        let isConnect = settings.times == .connect
        let isMilliseconds = form.modifier == 1_000
        let unit = form.modifier == 1_000_000_000 ? "Nano" : "Micro"
        switch form.kind {
        case .dateDays: return .semantic(.int32, (isConnect ? connect : debezium) + "Date")
        case .dateISO: return .semantic(.string, debezium + "IsoDate")
        case .timeNumber:
            if isConnect { return .semantic(.int32, connect + "Time") }
            if isMilliseconds { return .semantic(.int32, debezium + "Time") }
            return .semantic(.int64, debezium + unit + "Time")
        case .timeISO: return .semantic(.string, debezium + "IsoTime")
        case .timetzUTC: return .semantic(.string, debezium + "ZonedTime")
        case .timestampNumber:
            if isConnect { return .semantic(.int64, connect + "Timestamp") }
            if isMilliseconds { return .semantic(.int64, debezium + "Timestamp") }
            return .semantic(.int64, debezium + unit + "Timestamp")
        case .timestampISO: return .semantic(.string, debezium + "IsoTimestamp")
        case .timestamptz: return .semantic(.string, debezium + "ZonedTimestamp")
        case .intervalNumber: return .semantic(.int64, debezium + "MicroDuration")
        case .intervalISO: return .semantic(.string, debezium + "Interval")
        default: return ConnectSchema(.string)
        }
    }
}
