package marks

import "time"

const tick = time.Second

// want +1 mark "a file's mark belongs above its first declaration"
//seedbed:ok-file wall-clock hidden below a declaration

func late() { time.Sleep(tick) } // want wall-clock "time.Sleep"
