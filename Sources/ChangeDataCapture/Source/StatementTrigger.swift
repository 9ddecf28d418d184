import Bytes
import Formats

/// A statement that changed the schema of the source, as an event trigger of ours tells of it.
public struct SourceStatement: Sendable, Equatable {
    /// Such as `ALTER TABLE`.
    public var tag: String
    /// What the client sent: it may hold more than this statement.
    public var text: String
    /// What was made, altered or dropped, such as `public.orders`.
    public var objects: [String]

    static let prefix = "rtd.ddl"

    /// nil: of another capture.
    init?(_ content: RawSpan, slot: String) {
        let members = JSONMembers.read(content.copied())
        guard members["slot"] == slot, let tag = members["tag"], let text = members["ddl"] else {
            return nil
        }
        self.tag = tag
        self.text = text
        objects = Self.names(Array((members["objects"] ?? "").utf8))
    }

    private static func names(_ text: [UInt8]) -> [String] {
        var cursor = JSONCursor(text.rawSpan)
        var names: [String] = []
        do throws(FormatError) {
            try cursor.enterArray()
            while try cursor.nextElement() {
                names.append(try cursor.string().text(in: cursor.bytes))
            }
        } catch {
            return names
        }
        return names
    }

    static func isOwn(_ prefix: RawSpan) -> Bool {
        let bytes = ByteReader(prefix)
        let own = Array(Self.prefix.utf8)
        return prefix.byteCount == own.count
            && own.indices.allSatisfy { bytes.peek(at: $0) == own[$0] }
    }
}

/// The event triggers that write statements into the database's log, each in its transaction. Only
/// a superuser may make them.
struct StatementTrigger {
    let slot: String

    private var name: String { quotedName("\(slot.prefix(52))_ddl") }
    private var dropName: String { quotedName("\(slot.prefix(52))_ddl_drop") }

    var creation: String {
        """
        CREATE OR REPLACE FUNCTION public.\(name)() RETURNS event_trigger LANGUAGE plpgsql
        SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $rtd$
        DECLARE names text[];
        BEGIN
          IF TG_EVENT = 'sql_drop' THEN
            SELECT array_agg(object_identity) INTO names FROM pg_event_trigger_dropped_objects()
            WHERE original AND NOT is_temporary;
          ELSE
            SELECT array_agg(DISTINCT object_identity) INTO names
            FROM pg_event_trigger_ddl_commands() WHERE schema_name IS DISTINCT FROM 'pg_temp';
          END IF;
          IF names IS NOT NULL THEN
            PERFORM pg_logical_emit_message(true, '\(SourceStatement.prefix)', convert_to(
              json_build_object('slot', \(quotedText(slot)), 'tag', TG_TAG, 'ddl',
                current_query(), 'objects', names)::text, 'UTF8'));
          END IF;
        END $rtd$;
        DROP EVENT TRIGGER IF EXISTS \(name); DROP EVENT TRIGGER IF EXISTS \(dropName);
        CREATE EVENT TRIGGER \(name) ON ddl_command_end
          WHEN TAG IN (\(Self.tags)) EXECUTE FUNCTION public.\(name)();
        CREATE EVENT TRIGGER \(dropName) ON sql_drop EXECUTE FUNCTION public.\(name)()
        """
    }

    var removal: String {
        "DROP EVENT TRIGGER IF EXISTS \(name); DROP EVENT TRIGGER IF EXISTS \(dropName); "
            + "DROP FUNCTION IF EXISTS public.\(name)()"
    }

    /// What changes how rows are read; publications, among them those of captures, do not.
    private static let tags = [
        "ALTER TABLE", "CREATE TABLE", "CREATE TABLE AS", "SELECT INTO", "ALTER SCHEMA",
        "CREATE SCHEMA", "ALTER TYPE", "CREATE TYPE", "ALTER DOMAIN", "CREATE DOMAIN",
        "CREATE INDEX", "ALTER INDEX", "CREATE SEQUENCE", "ALTER SEQUENCE", "CREATE VIEW",
        "ALTER VIEW",
    ].map { "'\($0)'" }.joined(separator: ", ")
}

extension CaptureSession {
    /// Makes the triggers, which go again with a slot that is temporary.
    func prepareStatements() throws(CaptureError) {
        guard configuration.capturesStatements else { return }
        let connection = try statements()
        guard connection.version >= 140_000 else {
            throw .setting(
                CaptureReport("--ddl needs PostgreSQL 14: statements are messages in the stream"))
        }
        try connection.execute(
            StatementTrigger(slot: slotName).creation, doing: "make the event triggers of --ddl")
        if isTemporary { hasTemporaryTriggers = true }
    }
}

extension Capture {
    /// Statements that remove what `--ddl` has made for a slot.
    public static func removalOfTriggers(of slot: String) -> String {
        StatementTrigger(slot: slot).removal
    }
}
