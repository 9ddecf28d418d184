import Formats

extension FunctionRegistry {
    /// What the version of PostgreSQL is whose dialect this is.
    public static let serverVersion = "15.0"

    /// Functions that tell of the session, change its settings, or wait.
    static func addSession(_ list: inout FunctionList) {
        addNames(&list)
        addSettings(&list)
        addSequences(&list)
        addWaiting(&list)
    }

    private static func addNames(_ list: inout FunctionList) {
        func add(_ name: String, _ type: DataType, _ value: Value) {
            list.add(name, [], type, volatility: .stable) { _, context throws(SQLError) in
                Column.constant(value, type, count: context.count)
            }
        }
        add("version", .text, .text("PostgreSQL \(serverVersion) (rtd)"))
        add("current_database", .text, .text("rtd"))
        add("current_schema", .text, .text("public"))
        add("pg_is_in_recovery", .boolean, .boolean(false))
        add("pg_client_encoding", .text, .text("UTF8"))
        for name in ["inet_client_addr", "inet_server_addr"] { add(name, .text, .null) }
        for name in ["inet_client_port", "inet_server_port"] { add(name, .integer, .null) }
        list.add("current_schemas", [.boolean], .array(.text), volatility: .stable) {
            arguments, context throws(SQLError) in
            try RowLoop.build(arguments, context) { row, target in
                let isWhole = arguments[0].value(row & arguments[0].indexMask) == .boolean(true)
                target.append(
                    .array((isWhole ? ["pg_catalog", "public"] : ["public"]).map(Value.text)))
            }
        }
    }

    private static func addSettings(_ list: inout FunctionList) {
        for parameters: [DataType] in [[.text], [.text, .boolean]] {
            list.add("current_setting", parameters, .text, volatility: .stable) {
                arguments, context throws(SQLError) in
                try RowLoop.build(arguments, context) { (row, target) throws(SQLError) in
                    let name = TimeKernels.text(arguments[0], row)
                    if let value = context.session.services?.setting(name) {
                        return target.append(text: value)
                    }
                    let mayMiss =
                        arguments.count > 1
                        && arguments[1].value(row & arguments[1].indexMask) == .boolean(true)
                    guard mayMiss else {
                        throw SQLError(
                            "unrecognized configuration parameter \"\(name)\"", .undefinedObject)
                    }
                    target.appendNull()
                }
            }
        }
        list.add(
            "set_config", [.text, .text, .boolean], .text, volatility: .volatile
        ) { arguments, context throws(SQLError) in
            try TimeKernels.values(context, .text) { (row, target) throws(SQLError) in
                let name = TimeKernels.text(arguments[0], row)
                guard let services = context.session.services else { throw noSession("set_config") }
                let isLocal = arguments[2].value(row & arguments[2].indexMask) == .boolean(true)
                target.append(
                    text: try services.set(
                        name, to: TimeKernels.text(arguments[1], row), isLocal: isLocal))
            }
        }
    }

    private static func addSequences(_ list: inout FunctionList) {
        let changes: [(String, [DataType])] = [
            ("nextval", [.text]), ("currval", [.text]), ("setval", [.text, .bigint]),
            ("setval", [.text, .bigint, .boolean]),
        ]
        for (name, parameters) in changes {
            list.add(name, parameters, .bigint, volatility: .volatile) {
                arguments, context throws(SQLError) in
                try TimeKernels.integers(context, .bigint) { (row) throws(SQLError) in
                    guard let services = context.session.services else { throw noSession(name) }
                    let sequence = TimeKernels.text(arguments[0], row)
                    return try services.sequence(sequence, change(name, arguments, row))
                }
            }
        }
        list.add("lastval", [], .bigint, volatility: .volatile) { _, context throws(SQLError) in
            try TimeKernels.integers(context, .bigint) { (_) throws(SQLError) in
                guard let services = context.session.services else { throw noSession("lastval") }
                return try services.lastSequenceValue()
            }
        }
    }

    private static func change(
        _ name: String, _ arguments: [Column], _ row: Int
    ) -> SequenceChange {
        guard name == "setval" else { return name == "nextval" ? .next : .current }
        let isCalled =
            arguments.count < 3
            || arguments[2].value(row & arguments[2].indexMask) == .boolean(true)
        let value = unsafe arguments[1].integers[row & arguments[1].indexMask]
        return .set(value, isCalled: isCalled)
    }

    /// pg_sleep and setseed give PostgreSQL's void, which is shown as nothing.
    private static func addWaiting(_ list: inout FunctionList) {
        func void(
            _ name: String, _ type: DataType,
            _ body: @escaping @Sendable (any SessionServices, Value) throws(SQLError) -> Void
        ) {
            list.add(name, [type], .text, volatility: .volatile) {
                arguments, context throws(SQLError) in
                try TimeKernels.values(context, .text) { (row, target) throws(SQLError) in
                    guard let services = context.session.services else { throw noSession(name) }
                    try body(services, arguments[0].value(row & arguments[0].indexMask))
                    target.append(text: "")
                }
            }
        }
        void("pg_sleep", .double) { services, value throws(SQLError) in
            if case .double(let seconds) = value { try services.sleep(seconds: seconds) }
        }
        void("pg_sleep_for", .interval) { services, value throws(SQLError) in
            guard case .interval(let span) = value else { return }
            let days = Double(span.months) * 30 + Double(span.days)
            try services.sleep(seconds: days * 86_400 + Double(span.microseconds) / 1_000_000)
        }
        void("setseed", .double) { services, value throws(SQLError) in
            guard case .double(let seed) = value else { return }
            guard seed >= -1, seed <= 1 else {
                throw SQLError(
                    "setseed parameter \(TypeText.text(value, .double) ?? "") is out of allowed "
                        + "range [-1,1]", .invalidParameterValue)
            }
            services.seedRandom(seed)
        }
    }

    private static func noSession(_ name: String) -> SQLError {
        SQLError("\(name) is not possible here", .featureNotSupported)
    }
}
