import Aggregation
import Formats
import SQL

// COPY (query) TO STDOUT | 'file'.
extension QuerySession {
    func copy(_ copy: CopySyntax, _ output: any ResultOutput) throws(SQLError) -> Outcome {
        guard environment.stateDirectory == nil || explained != nil else {
            throw SQLError(
                "--state does not keep the rows of COPY", .featureNotSupported, at: copy.place,
                hint: "Redirect stdout of a SELECT to the file; or INSERT INTO a topic.")
        }
        guard let target = try makeOutput(copy, output) else {
            throw SQLError("COPY TO is not possible here", .featureNotSupported, at: copy.place)
        }
        target.use(settings.settings.text)
        do throws(SQLError) {
            let prepared = try prepare(copy.query, isOutput: true)
            let rows = try execute(prepared, target)
            return Outcome(tag: "COPY \(rows)")
        } catch {
            target.discard()
            throw error
        }
    }

    private func makeOutput(
        _ copy: CopySyntax, _ output: any ResultOutput
    ) throws(SQLError) -> (any ResultOutput)? {
        var options: [String: String] = [:]
        for option in copy.options { options[option.name.text.lowercased()] = option.value }
        let made = try environment.makeOutput?(copy.file, options, copy.place) ?? output
        // EXPLAIN ANALYZE writes the file, but stdout has its own lines.
        return explained != nil && copy.file == nil ? Discarded() : made
    }
}
