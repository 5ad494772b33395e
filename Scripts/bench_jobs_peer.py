"""Peers of the benchmark `jobs`: as many jobs that do nothing, enqueued and run as each library commonly does it.

`python bench_jobs_peer.py huey|apscheduler|procrastinate|rq|celery PLACE COUNT` prints the jobs a second from the first
enqueueing to the end of the last one. PLACE is a file (huey), the URL of a database (apscheduler, procrastinate) or of a Redis
server (rq, celery).
"""

import asyncio
import multiprocessing
import sys
import threading
import time

WORKERS = 8


def huey(place: str, count: int) -> float:
    from huey import SqliteHuey

    queue = SqliteHuey(filename=place, fsync=True, results=False)
    done = threading.Semaphore(0)

    @queue.task()
    def nothing():
        done.release()

    consumer = queue.create_consumer(workers=WORKERS, initial_delay=0.001, max_delay=0.01)
    consumer.start()
    start = time.perf_counter()
    for _ in range(count):
        nothing()
    for _ in range(count):
        done.acquire()
    seconds = time.perf_counter() - start
    consumer.stop(graceful=True)
    return count / seconds


done_by_apscheduler = threading.Semaphore(0)


def nothing_of_apscheduler() -> None:
    done_by_apscheduler.release()


def apscheduler(place: str, count: int) -> float:
    from apscheduler.executors.pool import ThreadPoolExecutor
    from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
    from apscheduler.schedulers.background import BackgroundScheduler

    scheduler = BackgroundScheduler(
        jobstores={"default": SQLAlchemyJobStore(url=place)},
        executors={"default": ThreadPoolExecutor(WORKERS)},
        job_defaults={"misfire_grace_time": None},
    )
    scheduler.start()
    start = time.perf_counter()
    for _ in range(count):
        scheduler.add_job(nothing_of_apscheduler)
    for _ in range(count):
        done_by_apscheduler.acquire()
    return count / (time.perf_counter() - start)


def procrastinate(place: str, count: int) -> float:
    from procrastinate import App, PsycopgConnector

    app = App(connector=PsycopgConnector(conninfo=place))

    @app.task(name="nothing")
    async def nothing():
        pass

    async def run() -> float:
        async with app.open_async():
            await app.schema_manager.apply_schema_async()
            start = time.perf_counter()
            for _ in range(0, count, 1000):
                await nothing.batch_defer_async(*[{} for _ in range(min(1000, count))])
            await app.run_worker_async(concurrency=64, wait=False, listen_notify=False, install_signal_handlers=False)
            return count / (time.perf_counter() - start)

    return asyncio.run(run())


def nothing_of_rq() -> None:
    pass


def rq_worker(place: str) -> None:
    from redis import Redis
    from rq import Queue, SimpleWorker

    connection = Redis.from_url(place)
    SimpleWorker([Queue(connection=connection)], connection=connection).work(burst=True, logging_level="ERROR")


def rq(place: str, count: int) -> float:
    from redis import Redis
    from rq import Queue

    queue = Queue(connection=Redis.from_url(place))
    start = time.perf_counter()
    queue.enqueue_many([Queue.prepare_data("bench_jobs_peer.nothing_of_rq") for _ in range(count)])
    workers = [multiprocessing.Process(target=rq_worker, args=(place,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return count / (time.perf_counter() - start)


def celery(place: str, count: int) -> float:
    from celery import Celery

    app = Celery("bench", broker=place)
    app.conf.update(task_ignore_result=True, worker_hijack_root_logger=False, broker_connection_retry_on_startup=True)
    done = threading.Semaphore(0)

    @app.task(name="nothing")
    def nothing():
        done.release()

    worker = app.WorkController(pool_cls="threads", concurrency=WORKERS, loglevel="ERROR", without_gossip=True)
    threading.Thread(target=worker.start, daemon=True).start()
    start = time.perf_counter()
    for _ in range(count):
        nothing.delay()
    for _ in range(count):
        done.acquire()
    return count / (time.perf_counter() - start)


if __name__ == "__main__":
    name, place, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    peers = {"huey": huey, "apscheduler": apscheduler, "procrastinate": procrastinate, "rq": rq, "celery": celery}
    print(peers[name](place, count), flush=True)
    sys.stdout.flush()
    # Workers in threads would keep the process alive.
    __import__("os")._exit(0)
