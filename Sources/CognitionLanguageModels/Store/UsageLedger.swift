package import CognitionCore
package import CognitionStorage

/// What every call of a model used and cost. Rows are added and never changed.
package enum UsageLedger {
    /// For whom a call was made.
    package struct Context: Sendable, Hashable {
        package var workspace: WorkspaceID
        package var execution: UUIDv7?
        /// The number of the task within the execution.
        package var task: Int?

        package init(workspace: WorkspaceID, execution: UUIDv7? = nil, task: Int? = nil) {
            self.workspace = workspace
            self.execution = execution
            self.task = task
        }
    }

    package struct Entry: Sendable, Hashable {
        package var context: Context
        package var call: ModelCall
    }

    /// Which rows of a workspace; what is `nil` selects nothing away.
    package struct Filter: Sendable, Hashable {
        package var execution: UUIDv7?
        package var provider: String?
        package var model: String?
        /// First moment of a call's start.
        package var since: Timestamp?

        package init(
            execution: UUIDv7? = nil, provider: String? = nil, model: String? = nil, since: Timestamp? = nil
        ) {
            self.execution = execution
            self.provider = provider
            self.model = model
            self.since = since
        }
    }

    /// What one model of one provider was used for.
    package struct Total: Sendable, Hashable {
        package var provider: String
        package var model: String
        package var calls: Int
        package var failures: Int
        /// Calls whose model had no price; what they cost is not in `cost`.
        package var unpriced: Int
        package var usage: Completion.Usage
        package var cost: Money
    }

    package static let pageMax = 200
    /// Models of one answer of `totals`; the most expensive come first.
    package static let totalsMax = 1_000

    /// Adds calls; one that is there already stays as it is, so a repetition does no harm.
    package static func record(
        _ calls: [ModelCall], for context: Context, in tx: borrowing Transaction
    ) throws {
        for call in calls {
            let usage = call.usage
            try tx.execute(
                """
                INSERT INTO llm_calls (workspace_id, id, execution_id, task, attempt, provider, model, outcome, error_code,
                    input_tokens, output_tokens, cached_tokens, cache_write_tokens, reasoning_tokens, cost_micros, currency,
                    is_priced, price_date, provider_request_id, started_at, duration_us)
                VALUES (\(context.workspace), \(call.id), \(context.execution), \(context.task), \(call.attempt),
                    \(call.provider), \(call.model), \(call.outcome), \(call.errorCode),
                    \(usage?.inputTokens), \(usage?.outputTokens), \(usage?.cachedTokens), \(usage?.cacheWriteTokens),
                    \(usage?.reasoningTokens), \(call.quote.cost.micros), \(call.quote.cost.currency),
                    \(call.quote.isPriced), \(call.quote.validFrom), \(call.providerRequestID), \(call.startedAt),
                    \(call.duration.microseconds))
                ON CONFLICT (workspace_id, id) DO NOTHING
                """)
        }
    }

    /// Calls, newest first.
    /// - Returns: At most `limit` (1...200), and the cursor of the next page.
    package static func page(
        _ filter: Filter = Filter(), before cursor: ModelCall.ID? = nil, limit: Int, in workspace: WorkspaceID,
        _ tx: borrowing Transaction
    ) throws -> (items: [Entry], next: ModelCall.ID?) {
        let limit = min(max(limit, 1), pageMax)
        let older: SQL = cursor.map { "AND id < \($0)" } ?? ""
        let rows = try tx.query(
            """
            SELECT \(columns: Entry.columns) FROM llm_calls
            WHERE workspace_id = \(workspace) \(filter.conditions) \(older) ORDER BY id DESC LIMIT \(limit + 1)
            """, as: Entry.init(row:))
        return (Array(rows.prefix(limit)), rows.count > limit ? rows[limit - 1].call.id : nil)
    }

    /// Sums by provider and model, the most expensive first; at most `totalsMax`.
    package static func totals(
        _ filter: Filter = Filter(), in workspace: WorkspaceID, _ tx: borrowing Transaction
    ) throws -> [Total] {
        try tx.query(
            """
            SELECT provider, model, currency, COUNT(*),
                \(sum("CASE WHEN outcome = 'failed' THEN 1 ELSE 0 END")), \(sum("1 - is_priced")),
                \(sum("input_tokens")), \(sum("output_tokens")), \(sum("cached_tokens")),
                \(sum("cache_write_tokens")), \(sum("reasoning_tokens")), \(sum("cost_micros")) AS cost
            FROM llm_calls WHERE workspace_id = \(workspace) \(filter.conditions)
            GROUP BY provider, model, currency ORDER BY cost DESC, provider, model LIMIT \(totalsMax)
            """
        ) { row in
            Total(
                provider: try row[0], model: try row[1], calls: try row[3], failures: try row[4],
                unpriced: try row[5],
                usage: .init(
                    inputTokens: try row[6], outputTokens: try row[7], cachedTokens: try row[8],
                    cacheWriteTokens: try row[9], reasoningTokens: try row[10]),
                cost: Money(micros: try row[11], currency: try row[2]))
        }
    }

    /// A sum as a 64-bit integer, which is not what every engine makes of it, and 0 of nothing.
    private static func sum(_ expression: StaticString) -> SQL {
        "CAST(COALESCE(SUM(\(columns: expression)), 0) AS \(fragment: .int64))"
    }
}

extension UsageLedger.Filter {
    fileprivate var conditions: SQL {
        let execution: SQL = execution.map { "AND execution_id = \($0)" } ?? ""
        let provider: SQL = provider.map { "AND provider = \($0)" } ?? ""
        let model: SQL = model.map { "AND model = \($0)" } ?? ""
        let since: SQL = since.map { "AND started_at >= \($0)" } ?? ""
        return "\(execution) \(provider) \(model) \(since)"
    }
}

extension UsageLedger.Entry {
    fileprivate static let columns: StaticString = """
        workspace_id, id, execution_id, task, attempt, provider, model, outcome, error_code, input_tokens, output_tokens,
        cached_tokens, cache_write_tokens, reasoning_tokens, cost_micros, currency, price_date, provider_request_id,
        started_at, duration_us
        """

    fileprivate init(row: borrowing Row) throws {
        var usage: Completion.Usage?
        if let input = try row[9] as Int? {
            usage = .init(
                inputTokens: input, outputTokens: try row[10], cachedTokens: try row[11],
                cacheWriteTokens: try row[12], reasoningTokens: try row[13])
        }
        self.init(
            context: .init(workspace: try row[0], execution: try row[2], task: try row[3]),
            call: ModelCall(
                id: try row[1], attempt: try row[4], provider: try row[5], model: try row[6],
                outcome: try row[7], errorCode: try row[8], usage: usage,
                quote: .init(cost: Money(micros: try row[14], currency: try row[15]), validFrom: try row[16]),
                providerRequestID: try row[17], startedAt: try row[18],
                duration: .microseconds(try row[19] as Int64)))
    }
}

extension ModelCall.Outcome: SQLEncodable, SQLDecodable {}

extension UsageLedger.Total {
    /// A line of `GET llm/usage`.
    package var json: JSONValue {
        [
            "provider": .string(provider), "model": .string(model), "calls": .integer(Int64(calls)),
            "failures": .integer(Int64(failures)), "unpriced": .integer(Int64(unpriced)),
            "input_tokens": .integer(Int64(usage.inputTokens)), "output_tokens": .integer(Int64(usage.outputTokens)),
            "cached_tokens": .integer(Int64(usage.cachedTokens)), "cost": cost.json,
        ]
    }
}
