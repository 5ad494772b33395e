import CognitionCore

extension CompletionRequest {
    package static let partsMax = 1_000
}

extension CompletionRequest.Message {
    /// `content` is a text, or a list of parts.
    init?(reading reader: inout ArgumentReader) {
        let role = reader.choice("role", of: Role.self)
        if reader.isAbsent("role") { reader.faults.append("\(reader.path)role is missing") }
        if reader.isAbsent("content") { reader.faults.append("\(reader.path)content is missing") }
        let content: [CompletionRequest.Part]?
        if reader.isList("content") {
            content = reader.list("content", max: CompletionRequest.partsMax) { CompletionRequest.Part(reading: &$0) }
            if content?.isEmpty == true, reader.faults.isEmpty {
                reader.faults.append("\(reader.path)content must not be empty")
            }
        } else {
            content = reader.value("content", expected: "a string or an array of parts", \.stringValue).map {
                [.text($0)]
            }
        }
        guard let role, let content else { return nil }
        for part in content where !part.kind.roles.contains(role) {
            let isPlain = !reader.isList("content")
            reader.faults.append(
                "\(reader.path)content of role \(role.rawValue) cannot be \(isPlain ? "a string" : part.kind.rawValue)")
            break
        }
        self.init(role: role, content: content)
    }
}

extension CompletionRequest.Part {
    fileprivate init?(reading reader: inout ArgumentReader) {
        if reader.isAbsent("type") { reader.faults.append("\(reader.path)type is missing") }
        switch reader.choice("type", of: Kind.self) {
        case nil:
            reader.ignoreRest()
            return nil
        case .text:
            guard let text = reader.needed("text", { $0.string("text") }) else { return nil }
            self = .text(text)
        case .image:
            guard let image = CompletionRequest.Image(reading: &reader) else { return nil }
            self = .image(image)
        case .toolCall:
            let id = reader.needed("id") { $0.identifier("id") }
            let name = reader.needed("name") { $0.name("name") }
            let arguments = reader.needed("arguments") { reader in
                reader.value("arguments") { if case .object = $0 { $0 } else { nil } }
            }
            guard let id, let name, let arguments else { return nil }
            self = .toolCall(.init(id: id, name: name, arguments: arguments))
        case .toolResult:
            let id = reader.needed("tool_call_id") { $0.identifier("tool_call_id") }
            let content = reader.needed("content") { $0.string("content") }
            let isError = reader.value("is_error", expected: "a boolean", \.boolValue)
            guard let id, let content else { return nil }
            self = .toolResult(id: id, content: content, isError: isError ?? false)
        case .native:
            let provider = reader.needed("provider") { $0.name("provider") }
            let model = reader.needed("model") { $0.name("model") }
            let blocks = reader.needed("blocks") { reader in
                reader.value("blocks", expected: "a list of objects") { value in
                    value.arrayValue?.allSatisfy { $0.objectValue != nil } == true ? value : nil
                }
            }
            guard let provider, let model, let blocks else { return nil }
            self = .native(NativeBlocks(provider: provider, model: model, blocks: blocks))
        }
    }
}

extension CompletionRequest.Image {
    fileprivate init?(reading reader: inout ArgumentReader) {
        let url = reader.value("url", expected: "an http or https URL of at most 8192 bytes") { value in
            value.stringValue.flatMap { Self.isURL($0) ? $0 : nil }
        }
        let mediaType = reader.value("media_type", expected: "one of " + Self.mediaTypes.joined(separator: ", ")) {
            value in value.stringValue.flatMap { Self.mediaTypes.contains($0) ? $0 : nil }
        }
        let data = reader.value("data", expected: "base64 of at most \(Self.base64CharactersMax) characters") { value in
            value.stringValue.flatMap { Self.isBase64($0) ? $0 : nil }
        }
        let hasURL = !reader.isAbsent("url")
        guard hasURL ? reader.isAbsent("media_type") && reader.isAbsent("data") : !reader.isAbsent("data") else {
            reader.faults.append("\(reader.path)image needs either url, or media_type and data")
            return nil
        }
        if !hasURL, reader.isAbsent("media_type") { reader.faults.append("\(reader.path)media_type is missing") }
        if let url {
            self = .url(url)
        } else if let mediaType, let data {
            self = .data(mediaType: mediaType, base64: data)
        } else {
            return nil
        }
    }

    private static func isURL(_ text: String) -> Bool {
        (text.hasPrefix("https://") || text.hasPrefix("http://")) && text.utf8.count <= 8_192
            && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F }
    }

    private static func isBase64(_ text: String) -> Bool {
        let bytes = text.utf8
        guard bytes.count > 0, bytes.count <= base64CharactersMax, bytes.count % 4 == 0 else { return false }
        let padding = bytes.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        return padding <= 2
            && bytes.dropLast(padding).allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "/")
            }
    }
}
