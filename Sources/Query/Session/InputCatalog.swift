import Aggregation
import Formats
import SQL

/// Files and stdin as relations: what a path, a function of FROM or a source's WITH means.
final class InputCatalog {
    private let environment: SessionEnvironment

    init(_ environment: SessionEnvironment) { self.environment = environment }

    func file(
        _ path: String, options: [String: String], _ reference: RelationReference,
        _ wanted: Set<String>?
    ) throws(SQLError) -> any SourceRelation {
        throw SQLError("files are not supported yet", .featureNotSupported, at: reference.place)
    }

    func standardInput(
        _ reference: RelationReference, _ wanted: Set<String>?
    ) throws(SQLError) -> any SourceRelation {
        throw SQLError("stdin is not supported yet", .featureNotSupported, at: reference.place)
    }

    func function(
        _ name: String, _ arguments: [Value], _ named: [(String, Value)],
        _ reference: RelationReference, _ wanted: Set<String>?
    ) throws(SQLError) -> any SourceRelation {
        throw SQLError("\(name) is not supported yet", .featureNotSupported, at: reference.place)
    }

    func source(
        _ definition: TableDefinition, _ reference: RelationReference, _ wanted: Set<String>?
    ) throws(SQLError) -> any SourceRelation {
        throw SQLError(
            "sources are not supported yet", .featureNotSupported, at: reference.place)
    }
}
