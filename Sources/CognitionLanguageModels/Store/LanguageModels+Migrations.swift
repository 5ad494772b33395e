package import CognitionStorage

extension LanguageModels {
    /// The table of calls.
    package static let migrations = [
        Migration(
            "llm.001_calls",
            [
                // Tokens are NULL when it is not known that anything was used; `price_date` when the model has no price.
                """
                CREATE TABLE llm_calls (
                    workspace_id \(fragment: .text) NOT NULL, id \(fragment: .text) NOT NULL, execution_id \(fragment: .text), task \(fragment: .int64),
                    attempt \(fragment: .int64) NOT NULL, provider \(fragment: .text) NOT NULL, model \(fragment: .text) NOT NULL,
                    outcome \(fragment: .text) NOT NULL, error_code \(fragment: .text),
                    input_tokens \(fragment: .int64), output_tokens \(fragment: .int64),
                    cached_tokens \(fragment: .int64), cache_write_tokens \(fragment: .int64),
                    reasoning_tokens \(fragment: .int64),
                    cost_micros \(fragment: .int64) NOT NULL, currency \(fragment: .text) NOT NULL,
                    is_priced \(fragment: .int64) NOT NULL, price_date \(fragment: .int64), provider_request_id \(fragment: .text),
                    started_at \(fragment: .int64) NOT NULL, duration_us \(fragment: .int64) NOT NULL,
                    PRIMARY KEY (workspace_id, id)
                ) \(fragment: .strict)
                """,
                """
                CREATE INDEX llm_calls_execution ON llm_calls (workspace_id, execution_id, id)
                WHERE execution_id IS NOT NULL
                """,
                "CREATE INDEX llm_calls_started ON llm_calls (workspace_id, started_at)",
            ])
    ]
}
