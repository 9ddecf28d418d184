import Aggregation
import Formats
import Platform
import Query
import SQL
import Testing

/// What a prompt goes through where a script would end: statements behind one that failed.
struct TransactionTests {
    private func outcomes(_ script: String) throws -> [String] {
        let session = QuerySession(SessionEnvironment(clock: SystemClock()))
        var parser = try Parser(Array(script.utf8))
        var outcomes: [String] = []
        while let statement = try parser.next() {
            do throws(SQLError) {
                outcomes.append(try session.run(statement, output: Discarded()).tag)
            } catch {
                outcomes.append(error.state.rawValue)
            }
        }
        return outcomes
    }

    @Test func `a statement that fails spoils its transaction up to the end`() throws {
        let found = try outcomes(
            """
            CREATE TABLE t (a int); BEGIN; INSERT INTO t VALUES (1); SELECT 1/0; SELECT 1; COMMIT;
            INSERT INTO t SELECT count(*) FROM t; DELETE FROM t WHERE a = 0
            """)
        #expect(
            found == [
                "CREATE TABLE", "BEGIN", "INSERT 0 1", "22012", "25P02", "ROLLBACK", "INSERT 0 1",
                "DELETE 1",
            ])
    }

    @Test func `a savepoint is behind what has failed`() throws {
        let found = try outcomes(
            """
            CREATE TABLE t (a int); BEGIN; INSERT INTO t VALUES (1); SAVEPOINT s;
            INSERT INTO t VALUES ('x'); RELEASE s; ROLLBACK TO s; INSERT INTO t VALUES (2); COMMIT;
            DELETE FROM t; ROLLBACK TO s
            """)
        #expect(
            found == [
                "CREATE TABLE", "BEGIN", "INSERT 0 1", "SAVEPOINT", "22P02", "25P02", "ROLLBACK",
                "INSERT 0 1", "COMMIT", "DELETE 2", "25P01",
            ])
    }

    @Test func `a transaction that reads only refuses changes`() throws {
        let found = try outcomes(
            """
            CREATE TABLE t (a int); BEGIN READ ONLY; TABLE t; INSERT INTO t VALUES (1); ROLLBACK;
            START TRANSACTION; SET TRANSACTION READ ONLY; PREPARE p AS DELETE FROM t; EXECUTE p
            """)
        #expect(
            found == [
                "CREATE TABLE", "BEGIN", "SELECT 0", "25006", "ROLLBACK", "START TRANSACTION",
                "SET",
                "PREPARE", "25006",
            ])
    }

    @Test func `data behind COPY in the script end with their mark`() throws {
        let script = "CREATE TABLE t (a int, b text);\nCOPY t FROM stdin;\n1\tx\\ty\n2\t\\N\n\\.\n"
        let found = try outcomes(
            script + "DELETE FROM t WHERE b = E'x\\ty' OR b IS NULL;\nCOPY t FROM STDIN;\n1\n\\.\n")
        #expect(found == ["CREATE TABLE", "COPY 2", "DELETE 2", "22P04"])
    }
}
