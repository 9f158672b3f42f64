import LinuxSystem

#if os(Linux)
  import CLinux
  import ChunkStore
  import Glibc

  extension FileDescriptor {
    /// Reads the attributes of the open file.
    func extendedAttributes() -> AttributeReading { .init(of: number) }
  }

  extension DirectoryHandle {
    /// Reads the attributes of the directory itself.
    func extendedAttributes() -> AttributeReading { .init(of: number) }

    /// Reads the attributes of the entry `name`, of the link itself if it is a symbolic link.
    func extendedAttributes(
      of name: FileName, kind: Item.Kind?, by route: AttributeRoute = .current
    ) -> AttributeReading {
      switch route {
      case .directory:
        return unsafe AttributeReading(name.bytes) { list, size in
          unsafe linux_listxattrat(number, name.terminated, AT_SYMLINK_NOFOLLOW, list, size)
        } get: { attribute, value, size in
          unsafe linux_getxattrat(
            number, name.terminated, AT_SYMLINK_NOFOLLOW, attribute, value, size)
        }
      case .proc:
        let path = Array("/proc/self/fd/\(number)/".utf8) + name.terminated
        return unsafe AttributeReading(name.bytes) { list, size in
          unsafe llistxattr(path, list, size)
        } get: { attribute, value, size in
          unsafe lgetxattr(path, attribute, value, size)
        }
      case .opening:
        // Opening anything else may block, or make a device act.
        guard kind == .regular || kind == .directory else { return AttributeReading() }
        do throws(SystemError) {
          return try FileDescriptor(opening: name, in: self, flags: O_RDONLY | O_NONBLOCK)
            .extendedAttributes()
        } catch {
          return AttributeReading(failures: [error])
        }
      }
    }
  }

  /// How the attributes of an entry are reached without following it.
  enum AttributeRoute: CaseIterable, Sendable {
    /// By system calls that take a directory and a name; Linux 6.13 and later.
    case directory
    /// By a path through `/proc/self/fd`.
    case proc
    /// By opening the file: in a chroot without `/proc`, on an older kernel.
    case opening

    /// The best that works in this process.
    static let current = routes.first ?? .opening

    /// All that work in this process, the best first.
    static let routes: [AttributeRoute] = {
      var routes: [AttributeRoute] = []
      if unsafe linux_listxattrat(AT_FDCWD, "/", AT_SYMLINK_NOFOLLOW, nil, 0) >= 0 {
        routes.append(.directory)
      }
      if unsafe access("/proc/self/fd", X_OK) == 0 { routes.append(.proc) }
      return routes + [.opening]
    }()
  }

  extension AttributeReading {
    /// Reads the attributes of an open file or directory.
    init(of descriptor: Int32) {
      unsafe self.init([]) { list, size in
        unsafe flistxattr(descriptor, list, size)
      } get: { attribute, value, size in
        unsafe fgetxattr(descriptor, attribute, value, size)
      }
    }

    fileprivate init(
      _ path: some Collection<UInt8>,
      list: (UnsafeMutablePointer<CChar>, Int) -> Int,
      get: (UnsafePointer<CChar>, UnsafeMutableRawPointer, Int) -> Int
    ) {
      let names: [UInt8]
      switch unsafe Self.fill({ unsafe list($0.assumingMemoryBound(to: CChar.self), $1) }) {
      case .success(let bytes): names = bytes
      // A file system without attributes, and most files on the others.
      case .failure(let error) where error.code == EOPNOTSUPP: return
      case .failure(let error):
        failures.append(SystemError("listxattr", code: error.code, path: path))
        return
      }
      for name in names.split(separator: 0) {
        let terminated = name.map { CChar(bitPattern: $0) } + [0]
        switch unsafe Self.fill({ unsafe get(terminated, $0, $1) }) {
        case .success(let value):
          attributes.append(Item.ExtendedAttribute(name: Array(name), value: value))
        // Gone since it was listed, or listed where mount options put it out of force.
        case .failure(let error) where error.code == ENODATA || error.code == EOPNOTSUPP: continue
        case .failure(let error):
          let operation = "getxattr \(String(decoding: name, as: UTF8.self))"
          failures.append(SystemError(operation, code: error.code, path: path))
        }
      }
      attributes.sort { $0.name.lexicographicallyPrecedes($1.name) }
    }

    private struct Failure: Error { let code: Int32 }

    /// Lets a call fill a small buffer on the stack, and a large one if that is too small.
    private static func fill(
      _ call: (UnsafeMutableRawPointer, Int) -> Int
    ) -> Result<[UInt8], Failure> {
      // The kernel hands out at most 64 KiB, of names as of a value.
      for size in [1 << 10, 1 << 16] {
        let result: Result<[UInt8], Failure>? = unsafe withUnsafeTemporaryAllocation(
          byteCount: size, alignment: 1
        ) { buffer in
          guard let start = buffer.baseAddress else { return nil }
          let count = unsafe call(start, size)
          if count >= 0 { return .success(unsafe Array(buffer[..<count])) }
          return errno == ERANGE ? nil : .failure(Failure(code: errno))
        }
        if let result { return result }
      }
      return .failure(Failure(code: E2BIG))
    }
  }
#endif
