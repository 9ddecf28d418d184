import PostgresProtocol
import Testing

@testable import ChangeDataCapture

@Suite struct BackfillRequestTests {
    @Test(arguments: ["public.t", "public.a:b", "s.a:b:c", "\"q\".x", "public.a\"b:c", "ä.:"])
    func `a table's name may have colons, dots and quotes`(table: String) {
        for condition in [nil, "a = ':\"'", "{\"id\":\"1:2\"}"] {
            let request = BackfillRequest(table: table, condition: condition)
            #expect(BackfillRequest(request.text) == request)
            var state = BackfillState(request, after: ["1"], rows: 2)
            state.key = ["i:d 23"]
            let text = String(decoding: BackfillState.json([state]), as: UTF8.self)
            #expect(BackfillState.read(text) == [state])
        }
    }

    @Test func `what stands behind a name is a condition`() {
        #expect(BackfillRequest("a:b") == BackfillRequest(table: "public.a", condition: "b"))
        #expect(
            BackfillRequest("\"a:b\":c:d")
                == BackfillRequest(table: "public.a:b", condition: "c:d"))
        #expect(BackfillRequest("t:") == BackfillRequest(table: "public.t"))
        for text in ["", ":x", "\"a", "\"a\"b", "\"\""] { #expect(BackfillRequest(text) == nil) }
    }

    @Test func `rows behind one are those of its order only`() {
        let columns = [20, 25].map { oid in
            CapturedColumn(name: "id", type: ColumnType(oid: UInt32(oid), name: "x"))
        }
        func statement(_ column: CapturedColumn, _ state: BackfillState) -> String {
            let table = CapturedTable(oid: 1, schema: "s", name: "t", columns: [column])
            let relation = LogicalRelation(
                oid: 1, schema: "s", name: "t", identity: 0x64, columns: [])
            return CatalogTable(table: table, relation: relation, kind: 0x72, rowsExpected: 0)
                .copy(state, key: [0], limit: 5)
        }
        var state = BackfillState(BackfillRequest(table: "s.t"), after: ["10"])
        #expect(columns.allSatisfy { statement($0, state).contains("WHERE") })
        state.key = ["id 20"]
        #expect(columns.map { statement($0, state).contains("WHERE") } == [true, false])
    }
}
