import CognitionCore
import CognitionLanguageModels
import HTTPTypes
package import CognitionStorage

/// What language models were used for and cost.
package struct LanguageModelRoutes: RouteGroup {
    package static let tag = "Language models"
    private let database: any Database

    package init(database: any Database) { self.database = database }

    package func routes(_ api: inout API) {
        api.route(
            .get, "llm/usage", parameters: [Self.provider, Self.model, Self.execution, Self.since],
            answers: [.ok(ModelUsageShape.self)], access: .permission(.readWorkflows),
            summary: "Sums up calls of language models by provider and model, the most expensive first.",
            details: """
                Every attempt counts, failed ones too: a provider may bill them. Money is by the price list of this release; \
                calls of models that it does not have are counted as `unpriced`.
                """, use: usage)
    }

    private static let provider = Parameter.text("provider", "Only this provider.", bytesMax: 128)
    private static let model = Parameter.text("model", "Only this model.", bytesMax: 128)
    private static let execution = Parameter<UUIDv7>(
        "execution", in: .query, .uuid, "Only calls of this execution.", read: UUIDv7.init)
    private static let since = Parameter.moment("since", "Only calls that began at this moment or later.")

    @Sendable private func usage(_ call: Call<Void>) async throws -> Answer {
        let filter = UsageLedger.Filter(
            execution: try call.query(Self.execution), provider: try call.query(Self.provider),
            model: try call.query(Self.model), since: try call.query(Self.since))
        let workspace = call.workspace
        return .ok(
            ModelUsageShape(
                totals: try await database.read { tx in try UsageLedger.totals(filter, in: workspace, tx) }))
    }
}

struct ModelUsageShape: AnswerBody {
    let totals: [UsageLedger.Total]

    var json: JSONValue { ["items": .array(totals.map(\.json))] }

    static let schemaName = "ModelUsage"
    static let schema: JSONValue = .record([
        "items": .list(
            of: .record([
                "provider": .text(), "model": .text(), "calls": .whole(1...(.max), "Attempts."),
                "failures": .whole(0...(.max)), "unpriced": .whole(0...(.max), "Not in the cost."),
                "input_tokens": .whole(0...(.max), "Cached ones included."), "output_tokens": .whole(0...(.max)),
                "cached_tokens": .whole(0...(.max)), "cost": .money,
            ]), max: UsageLedger.totalsMax)
    ])
    static let sample: JSONValue = [
        "items": [
            [
                "provider": "local", "model": "extractive-textrank-1", "calls": 11, "failures": 0, "unpriced": 0,
                "input_tokens": 5_200, "output_tokens": 640, "cached_tokens": 0,
                "cost": ["micros": 0, "currency": "USD"],
            ]
        ]
    ]
}
