package import CognitionCore

/// A provider and, unless its default will do, one of its models.
package struct ModelReference: Sendable, Hashable {
    package var provider: String
    package var model: String?

    package init(provider: String, model: String? = nil) {
        self.provider = provider
        self.model = model
    }
}

/// What `call: llm` asks for.
package struct CompletionRequest: Sendable, Hashable {
    /// How much a model may think before it answers.
    package enum Reasoning: Sendable, Hashable {
        package enum Effort: String, Sendable, Hashable, CaseIterable { case low, medium, high }

        case effort(Effort)
        /// Tokens, 1...1,000,000.
        case budget(tokens: Int)
    }

    package struct Tool: Sendable, Hashable {
        /// `[A-Za-z0-9_-]{1,64}`.
        package var name: String
        package var description: String?
        /// JSON Schema of the arguments.
        package var parameters: JSONValue?

        package init(name: String, description: String? = nil, parameters: JSONValue? = nil) {
            self.name = name
            self.description = description
            self.parameters = parameters
        }
    }

    package var provider: String?
    package var model: String?
    /// At least one; `prompt` becomes a single message of the user.
    package var messages: [Message]
    package var system: String?
    /// 0...2.
    package var temperature: Double?
    /// Tokens of the answer, 1...1,000,000.
    package var tokensMax: Int?
    package var reasoning: Reasoning?
    /// JSON Schema that the answer has to satisfy.
    package var responseSchema: JSONValue?
    package var tools: [Tool] = []
    /// Asked in order when the provider is not available.
    package var fallbacks: [ModelReference] = []

    package init(provider: String? = nil, model: String? = nil, messages: [Message], system: String? = nil) {
        self.provider = provider
        self.model = model
        self.messages = messages
        self.system = system
    }

    package init(prompt: String, system: String? = nil) {
        self.init(messages: [Message(role: .user, content: prompt)], system: system)
    }
}
