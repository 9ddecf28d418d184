/// Gives schemas the numbers by which readers find them. Used on the thread of an encoder.
public protocol SchemaRegistry: AnyObject {
    /// Values name their schema by its number. Otherwise they are the changes of tables alone, one
    /// behind the other: schemas have no numbers.
    var framesValues: Bool { get }
    /// The number of a schema of the keys or the values of the topic whose name has these parts;
    /// may block.
    func id(
        of schema: String, topic: [String], isKey: Bool
    ) throws(SchemaRegistrationError) -> UInt32
}

extension SchemaRegistry {
    public var framesValues: Bool { true }
}

/// Why a schema has no number, or a change no encoding.
public enum SchemaRegistrationError: Error, Equatable {
    /// A sentence for people.
    case failed(String)
    /// It was not waited for, because the command is to end.
    case stopped
}
