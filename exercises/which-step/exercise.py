"""Which of the four steps of Swift's cycle is this?"""

lesson = 2
level = 1
tags = ("Swift's cycle",)
STEPS = ("discover", "plan", "interact", "refine")
answers = {"step": {"kind": "choice", "choices": list(STEPS)}}

ACTIVITIES = {
    "discover": (
        ("work out from three years of orders who buys often, who has gone silent, and what each is worth",
         "از روی سفارش‌های سه سال حساب می‌کند چه کسی زیاد می‌خرد، چه کسی ساکت شده و هر یک چقدر می‌ارزد"),
        ("look for traits that tell readers of novels from readers of textbooks",
         "دنبال ویژگی‌هایی می‌گردد که خوانندگان رمان را از خوانندگان کتاب درسی جدا می‌کند"),
        ("sort the customers into groups by how lately and how much they bought",
         "مشتریان را بر پایه‌ی زمان و مقدار خریدشان گروه‌بندی می‌کند"),
    ),
    "plan": (
        ("decide that 400 readers get a discount by e-mail and 100 a letter, within the month's budget",
         "تصمیم می‌گیرد با بودجه‌ی این ماه 400 خواننده تخفیف ایمیلی بگیرند و 100 خواننده نامه"),
        ("choose the channel and the offer for each group, and draw the lots for the control group",
         "برای هر گروه کانال و پیشنهاد را برمی‌گزیند و برای گروه کنترل قرعه می‌کشد"),
        ("settle how much of next month's money goes to which kind of customer",
         "روشن می‌کند چه بخشی از پول ماه آینده خرج کدام دسته از مشتریان شود"),
    ),
    "interact": (
        ("send the messages on Thursday evening and answer the customers who write back",
         "پنج‌شنبه شب پیام‌ها را می‌فرستد و به مشتریانی که پاسخ می‌دهند جواب می‌دهد"),
        ("greet a customer who calls by name and offer the book that was chosen for her",
         "مشتری را که تماس می‌گیرد به نام می‌خواند و کتابی را که برایش انتخاب شده پیشنهاد می‌کند"),
        ("show the offer in the app at the moment when a reader finishes a book",
         "پیشنهاد را درست وقتی در برنامه نشان می‌دهد که خواننده کتابی را تمام کرده است"),
    ),
    "refine": (
        ("compare the orders of those who got the message with those whom the lots left out",
         "سفارش‌های گیرندگان پیام را با سفارش‌های کسانی مقایسه می‌کند که قرعه کنارشان گذاشته بود"),
        ("correct the estimate of who responds, now that the answers of this campaign are in",
         "حالا که پاسخ‌های این کارزار رسیده، برآورد خود را از اینکه چه کسی پاسخ می‌دهد اصلاح می‌کند"),
        ("write down which offer changed nothing, so that nobody is bothered with it again",
         "یادداشت می‌کند کدام پیشنهاد اثری نداشت تا دیگر مزاحم کسی نشود"),
    ),
}  # fmt: skip


def draw(rng):
    step = str(rng.choice(STEPS))
    activity, activity_fa = ACTIVITIES[step][int(rng.integers(3))]
    return {"activity": activity, "activity_fa": activity_fa}


def solve(activity, activity_fa):
    return {"step": next(step for step, listed in ACTIVITIES.items() if (activity, activity_fa) in listed)}


def _moved(by, drawn):
    return {"step": STEPS[(STEPS.index(solve(**drawn)["step"]) + by) % 4]}


def one_too_late(activity, activity_fa):
    return _moved(1, {"activity": activity, "activity_fa": activity_fa})


def one_too_early(activity, activity_fa):
    return _moved(-1, {"activity": activity, "activity_fa": activity_fa})


def across(activity, activity_fa):
    return _moved(2, {"activity": activity, "activity_fa": activity_fa})


mistakes = {"one_too_late": one_too_late, "one_too_early": one_too_early, "across": across}
