import Platform

/// `rtd query`.
enum QueryCommand {
    static func run(_ options: QueryOptions) -> Int32 {
        StandardError.write(line: "rtd: query: not built yet")
        return 2
    }
}
