import LinuxSystem
import StoreCrypto
import Testing

@testable import ChunkStore

/// The storages that are held to the promises of the protocol; a new one is a case here.
enum StorageKind: CaseIterable, Sendable {
  case local, memory, remote

  /// A new, empty storage.
  func make() throws -> StorageUnderTest {
    switch self {
    case .local:
      let directory = try TemporaryDirectory()
      let path = "\(directory.path)/repository"
      return StorageUnderTest(
        storage: try LocalStorage.create(path: path), directory: directory,
        reopen: { try LocalStorage(path: path) })
    case .remote:
      let directory = try TemporaryDirectory()
      let server = TestServer(path: "\(directory.path)/repository")
      return StorageUnderTest(
        storage: try server.storage(making: .repository), directory: directory,
        reopen: { try server.storage() },
        plant: { try LocalStorage(path: server.path).put($0, $1) })
    case .memory:
      let storage = MemoryStorage()
      return StorageUnderTest(storage: storage, directory: nil, reopen: { storage })
    }
  }
}

struct StorageUnderTest: Sendable {
  let storage: any Storage
  /// Keeps the files of a local storage.
  let directory: TemporaryDirectory?
  /// Opens the storage again, as another process would see it.
  let reopen: @Sendable () throws -> any Storage
  /// Puts bytes under a name that does not stand for them, where `storage` refuses that.
  var plant: (@Sendable (ObjectName, [UInt8]) throws -> Void)?
}

@Suite struct StorageTests {
  /// A name that stands for `bytes`, or a random one.
  private func name(
    _ kind: ObjectName.Kind, _ bytes: [UInt8], _ random: inout PseudoRandomBytes
  ) throws -> ObjectName {
    .object(kind, kind.isContentAddressed ? try SHA256.digest(of: bytes.span) : random.digest())
  }

  @Test(arguments: StorageKind.allCases, ObjectName.Kind.allCases)
  func `what was put is there, whole, under its name`(
    kind: StorageKind, objects: ObjectName.Kind
  ) throws {
    let under = try kind.make()
    var random = PseudoRandomBytes(seed: 1)
    var put: [ObjectName: [UInt8]] = [:]
    for size in [0, 1, 4096, 100_000] {
      let bytes = random.bytes(size)
      let name = try name(objects, bytes, &random)
      try under.storage.put(name, bytes)
      put[name] = bytes
    }
    for storage in [under.storage, try under.reopen()] {
      for (name, bytes) in put { #expect(try storage.get(name, range: nil) == bytes) }
      let listed = try storage.list(objects)
      #expect(Set(listed.map { ObjectName.object(objects, $0.id) }) == Set(put.keys))
      for object in listed {
        #expect(object.size == put[.object(objects, object.id)]?.count)
        #expect(object.date.earlier(bySeconds: 60) < SystemClock.now)
        #expect(SystemClock.now.earlier(bySeconds: 3600) < object.date)
        #expect(try storage.size(.object(objects, object.id)) == object.size)
      }
      let names = try storage.names(objects)
      #expect(names.count == put.count)
      for (id, size) in names {
        let bytes = put[.object(objects, id)]
        #expect(bytes != nil)
        #expect(size == nil || size == bytes?.count)
      }
      for other in ObjectName.Kind.allCases where other != objects {
        #expect(try storage.list(other).isEmpty)
      }
      #expect(try storage.generations().isEmpty)
    }
  }

  @Test(arguments: StorageKind.allCases)
  func `a name that is not there is an error of its own`(kind: StorageKind) throws {
    let under = try kind.make()
    var random = PseudoRandomBytes(seed: 1)
    for objects in ObjectName.Kind.allCases {
      let name = ObjectName.object(objects, random.digest())
      for range in [nil, 0..<10] {
        let error = #expect(throws: StorageError.self) {
          try under.storage.get(name, range: range)
        }
        guard case .notFound = error else {
          Issue.record("\(String(describing: error)) instead of notFound")
          return
        }
      }
    }
    #expect(throws: StorageError.self) { try under.storage.get(.config(1), range: nil) }
    let error = #expect(throws: StorageError.self) {
      try under.storage.size(.object(.segment, random.digest()))
    }
    guard case .notFound = error else {
      Issue.record("\(String(describing: error)) instead of notFound")
      return
    }
  }

  @Test(arguments: StorageKind.allCases, [ObjectName.Kind.segment, .archive])
  func `ranges end where the object ends`(kind: StorageKind, objects: ObjectName.Kind) throws {
    let under = try kind.make()
    var random = PseudoRandomBytes(seed: 2)
    let bytes = random.bytes(10_000)
    let name = try name(objects, bytes, &random)
    try under.storage.put(name, bytes)
    for range in [
      0..<0, 0..<1, 0..<10_000, 0..<10_001, 5000..<6000, 9_999..<10_000, 9_999..<20_000,
      10_000..<10_001, 20_000..<30_000, 5000..<5000, 0..<(1 << 20),
    ] {
      #expect(
        try under.storage.get(name, range: range) == Array(bytes[range.clamped(to: 0..<10_000)]),
        "\(range)")
    }
  }

  @Test(arguments: StorageKind.allCases)
  func `putting the same object twice changes nothing`(kind: StorageKind) throws {
    let under = try kind.make()
    var random = PseudoRandomBytes(seed: 3)
    for objects in ObjectName.Kind.allCases where objects.isContentAddressed {
      let bytes = random.bytes(5000)
      let name = try name(objects, bytes, &random)
      try under.storage.put(name, bytes)
      try under.storage.put(name, bytes)
      #expect(try under.storage.get(name, range: nil) == bytes)
      #expect(try under.storage.list(objects).count == 1)
    }
  }

  @Test(arguments: StorageKind.allCases)
  func `what has a random name, or a number, is never replaced`(kind: StorageKind) throws {
    let under = try kind.make()
    var random = PseudoRandomBytes(seed: 4)
    var names = ObjectName.Kind.allCases.filter { !$0.isContentAddressed }
      .map { ObjectName.object($0, random.digest()) }
    names.append(.config(3))
    for name in names {
      try under.storage.put(name, [1, 2, 3])
      for other: [UInt8] in [[4, 5, 6], [7], [1, 2, 3, 4]] {
        _ = try? under.storage.put(name, other)
        #expect(try under.storage.get(name, range: nil) == [1, 2, 3])
      }
      #expect(throws: StorageError.self) { try under.storage.put(name, [4, 5, 6]) }
    }
  }

  @Test(arguments: StorageKind.allCases)
  func `an object that was cut short is replaced by the whole one`(kind: StorageKind) throws {
    let under = try kind.make()
    var random = PseudoRandomBytes(seed: 5)
    for objects in ObjectName.Kind.allCases where objects.isContentAddressed {
      let bytes = random.bytes(9000)
      let name = try name(objects, bytes, &random)
      // The remains of a full disk, or of a copy that was interrupted.
      try (under.plant ?? under.storage.put)(name, Array(bytes[..<4000]))
      #expect(try under.storage.get(name, range: 0..<9000).count == 4000)
      try under.storage.put(name, bytes)
      for storage in [under.storage, try under.reopen()] {
        #expect(try storage.get(name, range: nil) == bytes)
        #expect(try storage.get(name, range: 0..<9000) == bytes)
      }
      #expect(try under.storage.list(objects).map(\.size) == [9000])
    }
  }

  @Test(arguments: StorageKind.allCases)
  func `nothing of an upload is seen before it is committed`(kind: StorageKind) throws {
    let under = try kind.make()
    var random = PseudoRandomBytes(seed: 6)
    let bytes = random.bytes(300_000)
    let name = try name(.segment, bytes, &random)
    let upload = try under.storage.beginUpload()
    for start in stride(from: 0, to: bytes.count, by: 70_000) {
      try upload.write(Array(bytes[start..<min(start + 70_000, bytes.count)]))
      for kind in ObjectName.Kind.allCases { #expect(try under.storage.list(kind).isEmpty) }
      #expect(throws: StorageError.self) { try under.storage.get(name, range: nil) }
    }
    try upload.commit(as: name)
    #expect(try under.storage.get(name, range: nil) == bytes)
    // Too late to give up.
    upload.abort()
    #expect(try under.reopen().get(name, range: nil) == bytes)
  }

  @Test(arguments: StorageKind.allCases)
  func `nothing is left of an upload that is given up`(kind: StorageKind) throws {
    let under = try kind.make()
    do {
      let upload = try under.storage.beginUpload()
      try upload.write([1, 2, 3])
      upload.abort()
      upload.abort()
      let forgotten = try under.storage.beginUpload()
      try forgotten.write([1, 2, 3])
    }
    for kind in ObjectName.Kind.allCases { #expect(try under.storage.list(kind).isEmpty) }
    if let directory = under.directory {
      #expect(try directory.names(in: "repository/tmp").isEmpty)
    }
  }

  @Test(arguments: StorageKind.allCases)
  func `what was deleted is gone, and may be deleted again`(kind: StorageKind) throws {
    let under = try kind.make()
    var random = PseudoRandomBytes(seed: 7)
    for objects in ObjectName.Kind.allCases {
      let bytes = random.bytes(100)
      let name = try name(objects, bytes, &random)
      try under.storage.put(name, bytes)
      #expect(try under.storage.get(name, range: 0..<10).count == 10)
      try under.storage.delete(name)
      for range in [nil, 0..<10] {
        #expect(throws: StorageError.self) { try under.storage.get(name, range: range) }
      }
      #expect(try under.storage.list(objects).isEmpty)
      try under.storage.delete(name)
      try under.storage.put(name, bytes)
      #expect(try under.storage.get(name, range: 0..<100) == bytes)
    }
  }

  @Test(arguments: StorageKind.allCases)
  func `what was set aside is no object any more, and is not destroyed`(kind: StorageKind) throws {
    let under = try kind.make()
    var random = PseudoRandomBytes(seed: 8)
    for objects in ObjectName.Kind.allCases {
      let bytes = random.bytes(100)
      let name = try name(objects, bytes, &random)
      try under.storage.put(name, bytes)
      try under.storage.setAside(name)
      #expect(throws: StorageError.self) { try under.storage.get(name, range: nil) }
      #expect(try under.storage.list(objects).isEmpty)
      // Once more, and put again, and set aside again.
      try under.storage.setAside(name)
      try under.storage.put(name, bytes)
      try under.storage.setAside(name)
      if let directory = under.directory {
        let file = name.path.replacing("/", with: "-")
        #expect(try directory.names(in: "repository/aside").contains(file))
      }
    }
  }

  @Test(arguments: StorageKind.allCases)
  func `generations are listed by number`(kind: StorageKind) throws {
    let under = try kind.make()
    for number: UInt32 in [10, 9, 1, 123_456_789, .max, 2] {
      try under.storage.put(.config(number), [UInt8(truncatingIfNeeded: number)])
    }
    #expect(try under.reopen().generations() == [1, 2, 9, 10, 123_456_789, .max])
    #expect(try under.storage.get(.config(9), range: nil) == [9])
    try under.storage.delete(.config(9))
    #expect(try under.storage.generations() == [1, 2, 10, 123_456_789, .max])
  }

  @Test(arguments: StorageKind.allCases)
  func `threads that put the same object all succeed`(kind: StorageKind) throws {
    let under = try kind.make()
    var random = PseudoRandomBytes(seed: 8)
    for _ in 0..<10 {
      let bytes = random.bytes(50_000)
      let name = try name(.segment, bytes, &random)
      let failures = Collected<String>()
      onThreads(4) { _ in
        do {
          try under.storage.put(name, bytes)
          guard try under.storage.get(name, range: nil) == bytes else {
            failures.append("other bytes")
            return
          }
        } catch {
          failures.append("\(error)")
        }
      }
      #expect(failures.values.isEmpty)
    }
    #expect(try under.storage.list(.segment).count == 10)
  }

  @Test(arguments: StorageKind.allCases)
  func `a number is given once, however many threads want it`(kind: StorageKind) throws {
    let under = try kind.make()
    for generation: UInt32 in 1...10 {
      let winners = Collected<UInt8>()
      onThreads(4) { thread in
        let bytes = [UInt8](repeating: UInt8(thread), count: 1000)
        if (try? under.storage.put(.config(generation), bytes)) != nil {
          winners.append(UInt8(thread))
        }
      }
      #expect(winners.values.count == 1)
      #expect(
        try under.storage.get(.config(generation), range: nil)
          == [UInt8](repeating: winners.values.first ?? 99, count: 1000))
    }
  }

  @Test(arguments: StorageKind.allCases)
  func `readers see an object wholly or not at all`(kind: StorageKind) throws {
    let under = try kind.make()
    var random = PseudoRandomBytes(seed: 9)
    let objects = (0..<60).map { _ in random.bytes(random.int(1...200_000)) }
    let names = try objects.map { ObjectName.object(.segment, try SHA256.digest(of: $0.span)) }
    let failures = Collected<String>()
    onThreads(3) { thread in
      do {
        if thread == 0 {
          for (name, bytes) in zip(names, objects) {
            let upload = try under.storage.beginUpload()
            for start in stride(from: 0, to: bytes.count, by: 50_000) {
              try upload.write(Array(bytes[start..<min(start + 50_000, bytes.count)]))
            }
            try upload.commit(as: name)
          }
          return
        }
        while true {
          let listed = try under.storage.list(.segment)
          for object in listed {
            let bytes = try under.storage.get(.object(.segment, object.id), range: nil)
            guard try SHA256.digest(of: bytes.span) == object.id, bytes.count == object.size else {
              failures.append("a part of an object")
              return
            }
          }
          if listed.count == objects.count { return }
          if !failures.values.isEmpty { return }
        }
      } catch {
        failures.append("\(error)")
      }
    }
    #expect(failures.values.isEmpty)
  }
}
