/// The members of a JSON object in order. Keys are unique and are compared as bytes.
///
/// Two objects are equal if their keys, values and order are.
/// - Complexity: O(1) to look up, add or replace a member, O(*n*) to remove one.
package struct JSONObject: Equatable, Sendable {
  package typealias Element = (key: String, value: JSONValue)

  /// The maximum number of members for which a linear search is faster than a table.
  private static let unindexedCount = 8

  private var members: [Element] = []
  /// The index of each key; empty while there are at most `unindexedCount` members.
  private var memberIndices: [UTF8Key: Int] = [:]

  package init() {}

  /// Adds a member at the end. Returns false and adds nothing if the key exists.
  package mutating func append(_ key: String, _ value: JSONValue) -> Bool {
    guard memberIndex(of: key) == nil else { return false }
    members.append((key, value))
    if members.count == Self.unindexedCount + 1 {
      indexMembers()
    } else if members.count > Self.unindexedCount {
      memberIndices[UTF8Key(key)] = members.count - 1
    }
    return true
  }

  /// The value of `key`. Setting adds a new key at the end and keeps the position of an existing key; nil removes it.
  package subscript(key: String) -> JSONValue? {
    get { memberIndex(of: key).map { members[$0].value } }
    set {
      switch (memberIndex(of: key), newValue) {
      case (nil, nil): break
      case (nil, let value?): _ = append(key, value)
      case (let index?, let value?): members[index].value = value
      case (let index?, nil):
        members.remove(at: index)
        memberIndices = [:]
        if members.count > Self.unindexedCount { indexMembers() }
      }
    }
  }

  private mutating func indexMembers() {
    for (index, member) in members.enumerated() { memberIndices[UTF8Key(member.key)] = index }
  }

  private func memberIndex(of key: String) -> Int? {
    let key = UTF8Key(key)
    return members.count > Self.unindexedCount
      ? memberIndices[key] : members.firstIndex { UTF8Key($0.key) == key }
  }

  package static func == (left: JSONObject, right: JSONObject) -> Bool {
    left.members.elementsEqual(right.members) {
      UTF8Key($0.key) == UTF8Key($1.key) && $0.value == $1.value
    }
  }
}

extension JSONObject: RandomAccessCollection {
  package var startIndex: Int { 0 }
  package var endIndex: Int { members.count }
  package subscript(position: Int) -> Element { members[position] }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
  /// Traps if a key occurs twice.
  package init(dictionaryLiteral elements: (String, JSONValue)...) {
    for (key, value) in elements {
      let isNew = append(key, value)
      precondition(isNew, "duplicate key")
    }
  }
}
