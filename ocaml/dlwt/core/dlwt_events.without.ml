let available = false
