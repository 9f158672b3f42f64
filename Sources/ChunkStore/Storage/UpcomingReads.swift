package import StoreEncoding

/// Objects that are read whole, one after the other: announces a few of them ahead.
package struct UpcomingReads {
  private let storage: any Storage
  private let kind: ObjectName.Kind
  private let objects: [StoredObject]
  /// The first that was not announced.
  private var next = 0
  /// Bytes of those that were announced, and not reached.
  private var size = 0
  private var reached = 0

  private static let mostObjects = 512
  private static let mostBytes = 8 << 20

  package init(_ kind: ObjectName.Kind, _ objects: [StoredObject], in storage: any Storage) {
    self.storage = storage
    self.kind = kind
    self.objects = objects
  }

  /// Says that the object at this position is read now, or passed over.
  package mutating func reach(_ position: Int) {
    guard storage.announcedSize > 0 else { return }
    while reached < position {
      if reached < next { size -= objects[reached].size }
      reached += 1
    }
    next = max(next, position)
    while next < objects.count, next - position < Self.mostObjects, size < Self.mostBytes {
      // One more than there should be, to see that the object ends there.
      let object = objects[next]
      size += object.size
      if object.size < Limits.indexSize {
        storage.announce(.object(kind, object.id), range: 0..<(object.size + 1))
      }
      next += 1
    }
  }
}
