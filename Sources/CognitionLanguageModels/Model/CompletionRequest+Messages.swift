package import CognitionCore

extension CompletionRequest {
    /// One turn of a conversation.
    package struct Message: Sendable, Hashable {
        package enum Role: String, Sendable, Hashable, CaseIterable {
            case system, user, assistant
            /// Results of the tools that the assistant called in the turn before.
            case tool
        }

        package var role: Role
        /// At least one, of the kinds that the role allows (`Part.roles`).
        package var content: [Part]

        package init(role: Role, content: [Part]) {
            self.role = role
            self.content = content
        }

        package init(role: Role, content: String) {
            self.init(role: role, content: [.text(content)])
        }

        /// The text parts, joined without anything between.
        package var text: String {
            content.reduce(into: "") { text, part in
                if case .text(let more) = part { text += more }
            }
        }
    }

    /// A piece of a message.
    package enum Part: Sendable, Hashable {
        /// System, user, assistant.
        case text(String)
        /// User.
        case image(Image)
        /// Assistant.
        case toolCall(Completion.ToolCall)
        /// Tool. The content is what the tool said, or why it failed.
        case toolResult(id: String, content: String, isError: Bool)
        /// Assistant. Stands for the whole message at the provider and model it came from.
        case native(NativeBlocks)
    }

    package enum Image: Sendable, Hashable {
        /// `http` or `https`; the provider fetches it.
        case url(String)
        /// One of `mediaTypes`, and the picture in base64 (RFC 4648, section 4, padded).
        case data(mediaType: String, base64: String)

        package static let mediaTypes = ["image/gif", "image/jpeg", "image/png", "image/webp"]
        /// Characters of base64.
        package static let base64CharactersMax = 8 << 20
    }
}

/// An answer in the blocks of the provider that gave it, for what only that provider can read again, such as signed
/// reasoning.
///
/// They go back as they came to the same provider and model, in place of the message's other parts. Any other
/// provider or model is sent those parts instead.
package struct NativeBlocks: Sendable, Hashable {
    package var provider: String
    /// The name by which the model was asked for.
    package var model: String
    /// An array of objects.
    package var blocks: JSONValue

    package init(provider: String, model: String, blocks: JSONValue) {
        self.provider = provider
        self.model = model
        self.blocks = blocks
    }
}

extension CompletionRequest.Message {
    /// `{role, content}`; content that is one text is written as a string.
    package var json: JSONValue {
        let content: JSONValue =
            if content.count == 1, case .text(let text) = content[0] {
                .string(text)
            } else {
                .array(content.map(\.json))
            }
        return ["role": .string(role.rawValue), "content": content]
    }
}

extension CompletionRequest.Part {
    /// The name of the kind in JSON.
    package enum Kind: String, Sendable, CaseIterable {
        case text, image, native
        case toolCall = "tool_call"
        case toolResult = "tool_result"

        /// Who may say such a part.
        package var roles: [CompletionRequest.Message.Role] {
            switch self {
            case .text: [.system, .user, .assistant]
            case .image: [.user]
            case .toolCall, .native: [.assistant]
            case .toolResult: [.tool]
            }
        }
    }

    package var kind: Kind {
        switch self {
        case .text: .text
        case .image: .image
        case .toolCall: .toolCall
        case .toolResult: .toolResult
        case .native: .native
        }
    }

    /// An object with the kind as `type`.
    package var json: JSONValue {
        var members: JSONObject = ["type": .string(kind.rawValue)]
        switch self {
        case .text(let text):
            members["text"] = .string(text)
        case .image(.url(let url)):
            members["url"] = .string(url)
        case .image(.data(let mediaType, let base64)):
            members["media_type"] = .string(mediaType)
            members["data"] = .string(base64)
        case .toolCall(let call):
            members["id"] = .string(call.id)
            members["name"] = .string(call.name)
            members["arguments"] = call.arguments
        case .toolResult(let id, let content, let isError):
            members["tool_call_id"] = .string(id)
            members["content"] = .string(content)
            if isError { members["is_error"] = true }
        case .native(let native):
            members["provider"] = .string(native.provider)
            members["model"] = .string(native.model)
            members["blocks"] = native.blocks
        }
        return .object(members)
    }
}
