import Aggregation
import Formats

/// A parameter of a function that is called with `name => value`, and what it is when left out.
struct NamedParameter {
    let name: String
    let standard: Expression?

    init(_ name: String, _ standard: Expression? = nil) {
        self.name = name
        self.standard = standard
    }

    /// The functions of which PostgreSQL names the parameters; an overload each.
    static let lists: [String: [[NamedParameter]]] = {
        func required(_ names: String) -> [NamedParameter] {
            names.split(separator: " ").map { NamedParameter(String($0)) }
        }
        let zero = Expression.literal(.integer(0), .integer)
        let spans = ["years", "months", "weeks", "days", "hours", "mins"].map {
            NamedParameter($0, zero)
        }
        let moment = "year month mday hour min sec"
        let path =
            required("target path") + [
                NamedParameter("vars", .literal(.text("{}"), .jsonb)),
                NamedParameter("silent", .boolean(false)),
            ]
        let paths = ["exists", "match", "query", "query_array", "query_first"].flatMap {
            [("jsonb_path_\($0)", [path]), ("jsonb_path_\($0)_tz", [path])]
        }
        let others = [
            "make_interval": [spans + [NamedParameter("secs", .literal(.double(0), .double))]],
            "make_date": [required("year month day")],
            "make_time": [required("hour min sec")],
            "make_timestamp": [required(moment)],
            "make_timestamptz": [required(moment), required(moment + " timezone")],
            "jsonb_set": [
                required("jsonb_in path replacement")
                    + [NamedParameter("create_if_missing", .boolean(true))]
            ],
            "jsonb_set_lax": [
                required("jsonb_in path replacement") + [
                    NamedParameter("create_if_missing", .boolean(true)),
                    NamedParameter(
                        "null_value_treatment", .literal(.text("use_json_null"), .text)),
                ]
            ],
            "jsonb_insert": [
                required("jsonb_in path replacement")
                    + [NamedParameter("insert_after", .boolean(false))]
            ],
        ]
        return others.merging(paths) { own, _ in own }
    }()

    /// nil: the call does not fit.
    static func arranged(
        _ parameters: [NamedParameter], _ given: [Expression],
        _ named: [(name: String, value: Expression)]
    ) -> [Expression]? {
        guard given.count + named.count <= parameters.count else { return nil }
        var values: [Expression?] = given
        for parameter in parameters.dropFirst(given.count) {
            values.append(
                named.first { $0.name == parameter.name }?.value ?? parameter.standard)
        }
        let names = parameters.dropFirst(given.count).map(\.name)
        guard named.allSatisfy({ names.contains($0.name) }) else { return nil }
        let complete = values.compactMap(\.self)
        return complete.count == parameters.count ? complete : nil
    }
}
