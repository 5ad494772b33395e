import CognitionCore
import CognitionEvents
import CognitionIdentity
import CognitionSearch

/// `_users`: a document for each member of the workspace.
struct MemberDocuments: SearchSource {
    let identity: Identity

    let index = IndexName.users
    let revision: Int64 = 1
    let filter = EventFilter(types: [
        "user.registered", "user.status_changed", "member.added", "member.role_changed", "member.removed",
        "invitation.accepted",
    ])

    var settings: SearchSettings {
        SearchSettings([
            "name": .text(boost: 1.5, analyzer: .simple), "email": .text(analyzer: .simple),
            "role": .keyword(isFacet: true), "status": .keyword(isFacet: true), "created_at": .date,
        ])
    }

    func subjects(of events: [Event]) async throws -> [SearchSubject] {
        var subjects: [SearchSubject] = []
        for event in events {
            guard let id = event.data["user_id"]?.stringValue else { continue }
            subjects.append(SearchSubject(id, in: event.workspace))
            // What is told of a user concerns every workspace that the user is in.
            guard event.stream.type == "user", let user = UUIDv7(id) else { continue }
            subjects += try await identity.workspaces(of: UserID(user)).map { SearchSubject(id, in: $0) }
        }
        return subjects.uniqued()
    }

    func document(of subject: SearchSubject) async throws -> SearchDocument? {
        guard let id = UUIDv7(subject.id),
            let member = try await identity.member(UserID(id), of: subject.workspace)
        else { return nil }
        return SearchDocument(
            id: subject.id,
            fields: [
                "name": member.fullName.map(JSONValue.string) ?? .null, "email": .string(member.email),
                "role": .string(member.role.rawValue), "status": .string(member.status.rawValue),
                "created_at": .string(member.createdAt.description),
            ])
    }
}
