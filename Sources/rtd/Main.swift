@main
enum Main {
    static func main() {
        print("rtd 0.1.0")
    }
}
